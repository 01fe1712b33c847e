/* The ring as it is made, what is sent through it, and its end. */

/* What was sent, for comparison: no side of the protocol looks at it. */
typedef Message { byte size; byte word[SIZE] };
Message sent[MESSAGES];
byte end_number;   /* where the stream ends, once it does; and with which fault */
byte end_fault;

hidden byte delivers_what_was_not_sent, ends_before_all_was_delivered, delivers_beyond_the_end, tells_the_wrong_fault,
    counts_dropped_messages_wrong, takes_the_end_for_corrupt, takes_the_tail_for_corrupt;

/* Words that are nobody else's: of message n, word i. */
#define OWN_WORD(n, i) (1 + SIZE * (n) + (i))

/* Chooses what message n is to be. */
inline make(n) {
    d_step {
        sent[n].word[0] = OWN_WORD(n, 0);
        sent[n].word[1] = OWN_WORD(n, 1);
        skip
    }
#ifdef SHAPES
    if
    :: sent[n].size = 2
    :: sent[n].size = 1
    :: sent[n].size = 0
#ifdef FENCE_FREE
    :: sent[n].size = 1; sent[n].word[0] = SENTINEL
    :: sent[n].size = 2; sent[n].word[0] = STAND_IN; sent[n].word[1] = SENTINEL
#endif
    fi
#else
    d_step {
        sent[n].size = 2 - ((n) % 3 == 1 -> 1 : 0);
#ifdef FENCE_FREE
        if
        :: (n) % 2 == 1 -> sent[n].word[0] = SENTINEL
        :: (n) % 4 == 2 -> sent[n].word[1] = STAND_IN
        :: else
        fi
#endif
    }
#endif
}

inline make_ring() {
    d_step {
        for (i_ : 0 .. CAPACITY - 1) {
            initial(SEQ(i_), ((SEQUENCE(i_) + 256 - CAPACITY) & 255));
#ifdef FENCE_FREE
            initial(META(i_), SENTINEL);
            initial(WORD(i_, 0), SENTINEL);
            initial(WORD(i_, 1), SENTINEL)
#else
            initial(META(i_), 0);
            initial(WORD(i_, 0), 0);
            initial(WORD(i_, 1), 0)
#endif
        }
        initial(TAIL, CURSOR(0, 0));
        initial(END, 0);
        initial(FAULT, 0);
        initial(DROPPED, 0);
        skip
    }
}
hidden byte i_;

#ifdef MUT_END_RELAXED
#define END_ORDER RELAXED
#else
#define END_ORDER ORDERED
#endif

/* Ends the stream before message n. */
inline close(t, n, fault) {
    atomic {
        end_number = n;
        end_fault = fault
    }
#ifdef MUT_END_BEFORE_FAULT
    store(t, END, CURSOR(n, 1), END_ORDER);
    store(t, FAULT, fault, RELAXED)
#else
    store(t, FAULT, fault, RELAXED);
    store(t, END, CURSOR(n, 1), END_ORDER)
#endif
}
