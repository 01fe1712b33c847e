/* Shared memory between threads that order nothing unless they say so.

   Every word keeps the stores made to it, in their order. A load may return any of them that its thread does not know to be
   outdated, so each store may be seen late, and the stores of a thread in any order. What a thread knows is a vector clock:
   a Release carries it, an Acquire takes it over (C++20 calls that happens-before, PTX causality order), and of one word no
   thread ever sees an older store after a newer one (coherence).

   So nothing "drains", and there are no steps of a memory to interleave: all that a slow or reordering link could do lies in
   which store a load may return. Reads and writes that must not race are checked against the clocks instead of being reordered.

   A model says with READS(t, l) which threads may ever load which words.

   The memory is written in C, since it keeps its state small: after every step it forgets the stores that nobody can load any
   more, and counts clocks from what everybody knows. */

typedef Clock { byte at[THREADS] };

typedef Store {
    byte value;
    byte by;        /* the thread that stored it, */
    byte at;        /* and when, on its own clock; 0: everybody knows of it */
    Clock carries   /* what an Acquire load of it learns */
};

typedef Location {
    byte count;
    Store kept[HISTORY];
    byte seen[THREADS];   /* the newest store that each thread has seen: it sees no older one */
    byte read_by;         /* the last plain read; 0: everybody knows that it is done */
    byte read_at;
    byte shown_to;        /* who has loaded the newest store, and when; 0: nobody */
    byte shown_at
};

typedef Thread {
    bit ended;        /* knows and needs no more */
    Clock now;        /* what the thread knows */
    Clock fenced;     /* what it knew at its last Release fence: carried by its relaxed stores */
    Clock gathered    /* what its relaxed loads have found: known after its next Acquire fence */
};

Location memory[LOCATIONS];
Thread thread[THREADS];
byte pick;   /* the store that a load returns; 0 between loads */

/* Between CPU threads a plain read must know of the store that it reads, or it is a data race in the terms of Rust and C++. Of a device's
   stores coherence is enough: the same thread has loaded the word atomically before. */
#ifndef IN_THE_LANGUAGE
#define IN_THE_LANGUAGE 0
#endif

#define RELAXED 0
#define ORDERED 1   /* Release of a store, Acquire of a load */

#define newest_of(l) memory[l].kept[memory[l].count - 1]
#define newest(l) newest_of(l).value

/* What went wrong. The checker prints the name. */
hidden byte reads_a_word_that_may_not_be_there, writes_what_the_other_side_may_still_read,
    writes_on_top_of_a_store_under_way;
#define require(condition, wrong) if :: (condition) :: else -> wrong = 1; assert(!wrong) fi

/* Arguments of the C functions, and what they return. */
hidden byte t_, l_, v_, o_, low;
hidden byte is_known, is_read, is_fit, history_is_too_short;

c_code {
#define EACH(i, n) for (int i = 0; i < (n); i++)
#define AT(l) (now.memory[l])
#define OF(t) (now.thread[t])
#define LAST(l) (AT(l).kept[AT(l).count - 1])

static int knows(int t, const struct Store *s) { return OF(t).now.at[s->by] >= s->at; }

static void learn(struct Clock *to, const struct Clock *from) {
    EACH(u, THREADS) if (from->at[u] > to->at[u]) to->at[u] = from->at[u];
}

/* The oldest store that a thread may still load. */
static int oldest(int t, int l) {
    int found = AT(l).seen[t];
    for (int k = found + 1; k < AT(l).count; k++) if (knows(t, &AT(l).kept[k])) found = k;
    return found;
}

/* Forgets the stores of a word that nobody can load any more. */
static void forget(int l) {
    int most = AT(l).count - 1;
    EACH(t, THREADS) {
        int first = OF(t).ended || !READS(t, l) ? AT(l).count - 1 : oldest(t, l);
        AT(l).seen[t] = first;
        if (first < most) most = first;
    }
    if (most == 0) return;
    memmove(AT(l).kept, AT(l).kept + most, (AT(l).count - most) * sizeof(struct Store));
    AT(l).count -= most;
    memset(AT(l).kept + AT(l).count, 0, most * sizeof(struct Store));
    EACH(t, THREADS) AT(l).seen[t] -= most;
}

static void less(struct Clock *clock, int u, int by) { clock->at[u] = clock->at[u] > by ? clock->at[u] - by : 0; }

/* Counts the clock of a thread from what everybody knows of it. */
static void rebase(int u) {
    int all = 255;
    EACH(t, THREADS) if (!OF(t).ended && OF(t).now.at[u] < all) all = OF(t).now.at[u];
    if (all == 0) return;
    EACH(t, THREADS) less(&OF(t).now, u, all), less(&OF(t).fenced, u, all), less(&OF(t).gathered, u, all);
    EACH(l, LOCATIONS) {
        EACH(k, AT(l).count) {
            struct Store *s = &AT(l).kept[k];
            less(&s->carries, u, all);
            if (s->by == u) s->at = s->at > all ? s->at - all : 0;
        }
        if (AT(l).read_by == u) AT(l).read_at = AT(l).read_at > all ? AT(l).read_at - all : 0;
        if (AT(l).shown_at != 0 && AT(l).shown_to == u) {
            /* Once everybody knows that the newest store was loaded, nobody can miss it: as good as known itself. */
            if (AT(l).shown_at <= all) LAST(l).at = AT(l).shown_at = 0;
            else AT(l).shown_at -= all;
        }
    }
}

/* Brings the memory into the one form that stands for all that behave alike. */
static void tidy(void) {
    EACH(u, THREADS) rebase(u);
    EACH(l, LOCATIONS) {
        forget(l);
        if (AT(l).read_at == 0) AT(l).read_by = 0;
        EACH(k, AT(l).count) if (AT(l).kept[k].at == 0) AT(l).kept[k].by = 0;
        if (LAST(l).at == 0 || AT(l).shown_at == 0) AT(l).shown_to = 0, AT(l).shown_at = 0;
    }
    EACH(t, THREADS) {
        if (OF(t).ended) {
            memset(&OF(t).fenced, 0, sizeof(struct Clock));
            memset(&OF(t).gathered, 0, sizeof(struct Clock));
        }
        EACH(u, THREADS) if (OF(t).gathered.at[u] <= OF(t).now.at[u]) OF(t).gathered.at[u] = 0;
    }
}

static void put(int t, int l, int value, const struct Clock *carries) {
    if (AT(l).count == HISTORY) { history_is_too_short = 1; return; }
    struct Store *s = &AT(l).kept[AT(l).count++];
    *s = (struct Store){ .value = value, .by = t, .at = OF(t).now.at[t], .carries = *carries };
    AT(l).seen[t] = AT(l).count - 1;
    AT(l).shown_to = AT(l).shown_at = 0;
    tidy();
}

static void do_store(void) {
    OF(t_).now.at[t_]++;
    put(t_, l_, v_, o_ ? &OF(t_).now : &OF(t_).fenced);
}

static void do_modify(void) {
    struct Clock carries = LAST(l_).carries;
    learn(&OF(t_).gathered, &carries);
    learn(&carries, &OF(t_).fenced);
    OF(t_).now.at[t_]++;
    put(t_, l_, v_, &carries);
}

/* Loads store number v_. */
static void do_load(void) {
    struct Store *s = &AT(l_).kept[v_];
    AT(l_).seen[t_] = v_;
    if (v_ == AT(l_).count - 1 && AT(l_).shown_at == 0) {
        AT(l_).shown_to = t_;
        AT(l_).shown_at = OF(t_).now.at[t_] + 1;
    }
    learn(o_ ? &OF(t_).now : &OF(t_).gathered, &s->carries);
    tidy();
}

/* Whether a thread may store to a word that one thread at a time writes. */
static void check_store(void) {
    /* `seen` says nothing of a thread that never loads the word. */
    is_known = knows(t_, &LAST(l_)) || (READS(t_, l_) && AT(l_).seen[t_] == AT(l_).count - 1)
        || (AT(l_).shown_at != 0 && OF(t_).now.at[AT(l_).shown_to] >= AT(l_).shown_at);
    is_read = OF(t_).now.at[AT(l_).read_by] >= AT(l_).read_at;
}

static void do_read(void) {
    is_fit = oldest(t_, l_) == AT(l_).count - 1 && (!IN_THE_LANGUAGE || knows(t_, &LAST(l_)));
    AT(l_).seen[t_] = AT(l_).count - 1;
    AT(l_).read_by = t_;
    AT(l_).read_at = OF(t_).now.at[t_] + 1;
}

static void do_certain(void) {
    is_fit = oldest(t_, l_) == AT(l_).count - 1;
    AT(l_).seen[t_] = AT(l_).count - 1;
    learn(&OF(t_).gathered, &LAST(l_).carries);
    tidy();
}

/* What the thread has loaded so far belongs to its past from now on. */
static void pass(int t) {
    EACH(l, LOCATIONS) {
        if ((AT(l).read_by == t && AT(l).read_at > OF(t).now.at[t]) || (AT(l).shown_to == t && AT(l).shown_at > OF(t).now.at[t])) {
            OF(t).now.at[t]++;
            return;
        }
    }
}

/* Bit 0: release; bit 1: acquire. */
static void do_fence(void) {
    if (o_ & 2) learn(&OF(t_).now, &OF(t_).gathered);
    if (o_ & 1) pass(t_), OF(t_).fenced = OF(t_).now;
    tidy();
}

static void do_barrier(void) {
    pass(t_);
    pass(v_);
    learn(&OF(t_).now, &OF(v_).now);
    learn(&OF(v_).now, &OF(t_).now);
    tidy();
}

/* The thread stops; another of the same number begins, who knows what the newest store of a word tells. */
static void do_succeed(void) {
    uchar own = OF(t_).now.at[t_];
    EACH(l, LOCATIONS) AT(l).seen[t_] = 0;
    OF(t_).now = LAST(l_).carries;
    memset(&OF(t_).fenced, 0, sizeof(struct Clock));
    memset(&OF(t_).gathered, 0, sizeof(struct Clock));
    /* All that its predecessor did comes before its last store, the one that is found. */
    OF(t_).now.at[t_] = own;
    tidy();
}
}

/* Gives a word the value that everybody knows. */
inline initial(l, v) {
    memory[l].count = 1;
    memory[l].kept[0].value = v
}

/* Stores to a word that one thread at a time may write; `order` ORDERED makes it a Release. Whoever wrote the word before must be
   known to be done, and so must the last plain read of it. */
inline store(t, l, v, order) {
    d_step {
        t_ = t; l_ = l; v_ = v; o_ = order;
        c_code { check_store(); };
        require(is_known, writes_on_top_of_a_store_under_way);
        require(is_read, writes_what_the_other_side_may_still_read);
        c_code { do_store(); };
        assert(!history_is_too_short)
    }
}

/* Stores to a word that several threads may write at a time. */
inline store_shared(t, l, v, order) { d_step { t_ = t; l_ = l; v_ = v; o_ = order; c_code { do_store(); }; assert(!history_is_too_short) } }

/* An atomic read-modify-write, relaxed: it sees the newest store, and carries on what that carries. */
inline modify(t, l, v) { d_step { t_ = t; l_ = l; v_ = v; c_code { do_modify(); }; assert(!history_is_too_short) } }

/* Loads the newest store. For a thread that waits: older ones would only make it look again. */
inline load_newest(t, l, order) {
    d_step { t_ = t; l_ = l; v_ = memory[l].count - 1; o_ = order; c_code { do_load(); }; }
}

/* Loads any store that the thread may load. */
inline load(t, l, order, out) {
    atomic {
        d_step { t_ = t; l_ = l; c_code { low = oldest(t_, l_); }; pick = low };
        do
        :: pick < memory[l].count - 1 -> pick++
        :: break
        od;
        skip;   /* a jump must not end inside d_step */
        d_step { out = memory[l].kept[pick].value; t_ = t; l_ = l; v_ = pick; o_ = order; pick = 0; c_code { do_load(); }; }
    }
}

/* In a d_step: a relaxed load whose value must be certain, because all that was stored before is known. */
inline certain(t, l) {
    t_ = t; l_ = l;
    c_code { do_certain(); };
    require(is_fit, reads_a_word_that_may_not_be_there)
}

/* In a d_step: reads a word plainly. Nobody may store to it before knowing that this is done. */
inline read(t, l) {
    t_ = t; l_ = l;
    c_code { do_read(); };
    require(is_fit, reads_a_word_that_may_not_be_there)
}

#define release_fence(t) fence(t, 1)
#define acquire_fence(t) fence(t, 2)
#define full_fence(t) fence(t, 3)
inline fence(t, kind) { d_step { t_ = t; o_ = kind; c_code { do_fence(); }; } }

/* A barrier between two lanes of a warp: each knows afterwards what the other did before. */
inline barrier(t, s) { d_step { t_ = t; v_ = s; c_code { do_barrier(); }; } }

inline end_thread(t) { d_step { thread[t].ended = 1; c_code { tidy(); }; } }

/* Thread t stops and another one takes its number, who knows what the newest store to word l tells. */
inline succeed(t, l) { d_step { t_ = t; l_ = l; c_code { do_succeed(); }; } }
