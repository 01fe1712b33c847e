//! Tells a load from one of the PTX's own constants, such as a look-up table, from a load of somebody else's memory.
//!
//! Constants never change, so a non-coherent load of one is right, and the compiler makes use of that.

use std::collections::HashSet;

/// The variables of a PTX file and the registers that hold an address inside one of them.
#[derive(Debug, Default)]
pub(super) struct Constants {
    variables: HashSet<String>,
    registers: HashSet<String>,
}

impl Constants {
    /// Notes a variable of the file.
    pub(super) fn add(&mut self, name: &str) {
        self.variables.insert(name.to_owned());
    }

    /// Whether the file has such a variable.
    pub(super) fn has(&self, name: &str) -> bool {
        self.variables.contains(name)
    }

    /// Registers belong to one function.
    pub(super) fn enter_function(&mut self) {
        self.registers.clear();
    }

    /// Follows an address through one instruction: moved, converted, or with an offset added.
    pub(super) fn follow(&mut self, opcode: &str, text: &str) {
        if !matches!(opcode.split('.').next(), Some("mov" | "add" | "cvta" | "mad" | "selp")) {
            return;
        }
        let mut operands = operands(text);
        let Some(target) = operands.next() else { return };
        if operands.any(|operand| self.is_address(operand)) {
            self.registers.insert(target.to_owned());
        } else {
            self.registers.remove(target);
        }
    }

    /// Whether the load's address lies in one of the variables.
    pub(super) fn covers(&self, load: &str) -> bool {
        let address = load.split_once('[').map_or("", |(_, rest)| rest);
        let end = address.find(['+', ']', ' ']).unwrap_or(address.len());
        self.is_address(&address[..end])
    }

    fn is_address(&self, operand: &str) -> bool {
        self.registers.contains(operand) || self.variables.contains(operand)
    }
}

/// The operands after the opcode, the target first.
fn operands(text: &str) -> impl Iterator<Item = &str> {
    let text = if text.starts_with('@') {
        text.split_once(char::is_whitespace).map_or("", |(_, rest)| rest)
    } else {
        text
    };
    let list = text.trim_start().split_once(char::is_whitespace).map_or("", |(_, rest)| rest);
    list.split(',').map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_followed_and_forgotten() {
        let mut constants = Constants::default();
        constants.add("TABLE");
        constants.follow("mov.b64", "mov.b64 \t%rd1, TABLE");
        constants.follow("add.s64", "add.s64 \t%rd2, %rd1, %rd9");
        assert!(constants.covers("ld.global.nc.b64 %rd5, [%rd2+8]"));
        assert!(constants.covers("ld.global.nc.b64 %rd5, [TABLE+16]"));
        assert!(!constants.covers("ld.global.nc.b64 %rd5, [%rd9]"));
        constants.follow("mov.b64", "mov.b64 \t%rd2, %rd9");
        assert!(!constants.covers("ld.global.nc.b64 %rd5, [%rd2]"));
        constants.enter_function();
        assert!(!constants.covers("ld.global.nc.b64 %rd5, [%rd1]"));
    }
}
