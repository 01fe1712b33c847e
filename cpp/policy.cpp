// Compares the header's rules with the table that perdix-core writes.
//
//   policy FILE
//
// Ends with 0 if every line agrees; prints those that do not. The last line of output is the number of cases.
#include <perdix/perdix.cuh>

#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace {

using Numbers = std::vector<std::uint64_t>;

std::uint64_t number(bool value) { return value ? 1 : 0; }
template <class Enum> std::uint64_t code(Enum value) { return static_cast<std::uint64_t>(value); }

// What the rule gives for its arguments, which are at the front of `n`; nothing if there is no such rule.
Numbers decide(const std::string &rule, const Numbers &n) {
    using namespace perdix::policy;
    const auto at = [&](std::size_t i) { return i < n.size() ? n[i] : 0; };
    Credit credit = {at(0), at(1)};
    if (rule == "covers") {
        return {number(credit.covers(at(2))), number(credit.covers_outdated(at(2))), number(credit.runs_low(at(2)))};
    }
    if (rule == "renew") {
        const Refused refused = credit.renew(at(2), at(3));
        return {code(refused), credit.tail};
    }
    if (rule == "newest") {
        Credit known = {8, at(0)};
        known.newest(at(1));
        return {known.tail};
    }
    if (rule == "or_drop") return {slots_or_drop(at(0), at(1), at(2)), code(or_drop(at(0), at(1), at(2), at(3)))};
    if (rule == "or_wait") return {code(or_wait(at(0), at(1), at(2)))};
    if (rule == "unreported") return {unreported(at(0), at(1))};
    if (rule == "header") {
        const Header words = header(at(0), at(1), at(2));
        return {words.seq, words.meta};
    }
    if (rule == "head_header") {
        const Header words = head_header(at(0), at(1), at(2), at(3), at(4));
        return {words.seq, words.meta};
    }
    if (rule == "acquired_end") return {acquired_end(at(0), at(1), at(2), at(3))};
    if (rule == "end") {
        const End end = read_end(at(0), at(1), at(2));
        return {code(end.state), end.distance};
    }
    if (rule == "claims") {
        const Claims ended = claims(at(0), at(1), at(2), at(3));
        return {ended.end, ended.messages, ended.lost};
    }
    return {};
}

} // namespace

int main(int arguments, char **argument) {
    if (arguments != 2) return 2;
    std::ifstream file(argument[1]);
    if (!file) return std::cerr << argument[1] << ": cannot be read\n", 1;
    std::uint64_t cases = 0, wrong = 0;
    for (std::string line; std::getline(file, line);) {
        if (line.empty() || line[0] == '#') continue;
        std::istringstream words(line);
        std::string rule;
        words >> rule;
        Numbers numbers;
        for (std::uint64_t value; words >> value;) numbers.push_back(value);
        const Numbers found = decide(rule, numbers);
        const bool agrees = words.eof() && !found.empty() && found.size() <= numbers.size() &&
                            Numbers(numbers.end() - static_cast<std::ptrdiff_t>(found.size()), numbers.end()) == found;
        cases += 1;
        if (!agrees) {
            wrong += 1;
            std::cout << line << " | here:";
            for (const std::uint64_t value : found) std::cout << ' ' << value;
            std::cout << '\n';
        }
    }
    std::cout << cases << '\n';
    return wrong == 0 ? 0 : 1;
}
