/* The consumer, in both modes. It is never seen to poll in vain: a look that finds nothing changes nothing. */

#if defined(MUT_SEQ_NO_ACQUIRE) || defined(MUT_NOTHING_ACQUIRED)
#define SEQ_LOAD RELAXED
#else
#define SEQ_LOAD ORDERED
#endif
#ifdef MUT_TAIL_RELAXED
#define TAIL_ORDER RELAXED
#else
#define TAIL_ORDER ORDERED
#endif
#ifdef MUT_END_NO_ACQUIRE
#define END_LOAD RELAXED
#else
#define END_LOAD ORDERED
#endif

#define is_here(n) (newest(SEQ(n)) == SEQUENCE(n))

/* Fence-free: every word of the message has arrived, as far as the newest stores tell. */
#define word_is_here(n, i) (WORDS_OF(newest(META(n))) <= i || newest(WORD(n, i)) != SENTINEL || ARRIVED_BY_MASK(n, i))
#ifdef MUT_SENTINEL_SENT_AS_ITSELF
#define ARRIVED_BY_MASK(n, i) (((MASK_OF(newest(META(n))) >> (i)) & 1) != 0)
#else
#define ARRIVED_BY_MASK(n, i) false
#endif
#define is_opened(n) ((newest(META(n)) & OPENED) != 0)
#define has_arrived(n) \
    (is_here(n) && newest(META(n)) != SENTINEL && (is_opened(n) || (word_is_here(n, 0) && word_is_here(n, 1))))

/* Fence-free, in a d_step: whatever of word l is not the sentinel must be what was sent. */
inline look_at(t, l, opened) {
    t_ = t; l_ = l;
    c_code { low = oldest(t_, l_); };
    for (k_ : low .. memory[l].count - 1) {
        require((memory[l].kept[k_].value & ~opened) == (newest(l) & ~opened) || memory[l].kept[k_].value == SENTINEL,
            reads_a_word_that_may_not_be_there)
    }
    v_ = memory[l].count - 1; o_ = RELAXED;
    c_code { do_load(); };
}
hidden byte k_;

/* Looks at message n, which has arrived; puts the sentinels back that are really meant. */
inline open(t, n) {
    d_step {
        t_ = t; l_ = SEQ(n); v_ = memory[SEQ(n)].count - 1; o_ = SEQ_LOAD;
        c_code { do_load(); };
        look_at(t, META(n), OPENED);
        if
        :: !is_opened(n) ->
            for (j_ : 0 .. WORDS_OF(newest(META(n))) - 1) {
                if :: !ARRIVED_BY_MASK(n, j_) -> look_at(t, WORD(n, j_), 0) :: else fi
            }
        :: else
        fi;
        skip
    }
    if
    :: !is_opened(n) && MASK_OF(newest(META(n))) != 0 ->
#ifndef MUT_OPENED_NOT_SET
        scratch = newest(META(n)) | OPENED;
        store(t, META(n), scratch, RELAXED);
        scratch = 0;
#endif
#ifndef MUT_MASK_NOT_APPLIED
        if :: (MASK_OF(newest(META(n))) & 1) != 0 -> store(t, WORD(n, 0), SENTINEL, ORDERED) :: else fi;
        if :: (MASK_OF(newest(META(n))) & 2) != 0 -> store(t, WORD(n, 1), SENTINEL, ORDERED) :: else fi;
#endif
        skip
    :: else
    fi;
#ifndef MUT_NOTHING_ACQUIRED
    acquire_fence(t)
#else
    skip
#endif
}
hidden byte j_;

/* Reads message n: nothing of it may be missing, old, or somebody else's. */
inline deliver(t, n) {
    d_step {
#ifdef FENCE_FREE
        require(newest(META(n)) != SENTINEL, delivers_what_was_not_sent);
#else
        certain(t, META(n));
#endif
        require(SIZE_OF(newest(META(n))) == sent[n].size, delivers_what_was_not_sent);
        for (j_ : 0 .. WORDS_OF(newest(META(n))) - 1) {
            read(t, WORD(n, j_));
            require(newest(WORD(n, j_)) == sent[n].word[j_], delivers_what_was_not_sent)
        };
        took(n);
        sent[n].size = 0; sent[n].word[0] = 0; sent[n].word[1] = 0   /* not needed any more */
    }
}

/* Fence-free: makes the slot of message n ready for the next lap. */
inline rearm(t, n) {
#ifndef MUT_REARM_SKIPPED
    scratch = WORDS_OF(newest(META(n)));
    store(t, META(n), SENTINEL, RELAXED);
    if :: scratch > 0 -> store(t, WORD(n, 0), SENTINEL, RELAXED) :: else fi;
    if :: scratch > 1 -> store(t, WORD(n, 1), SENTINEL, RELAXED) :: else fi;
    scratch = 0
#else
    skip
#endif
}

#ifdef MUT_REARM_AFTER_TAIL
#define MAY_PUBLISH next != published
#define CREDIT next
#else
#define MAY_PUBLISH settled == next && next != published
#define CREDIT settled
#endif

inline publish_tail(t) {
    published = CREDIT;
    store(t, TAIL, CURSOR(published, gone), TAIL_ORDER)
}

#ifdef MUT_END_WITHOUT_NUMBER
#define MAY_END(next) true
#else
#define MAY_END(next) (AHEAD(end, next) == 0)
#endif

/* Thread `me` is the consumer's. */
proctype Consumer(byte me) {
    byte next = 0;        /* the next message to take */
    byte known = 0;       /* fenced: all below are known to be published */
    byte settled = 0;     /* all below are ready for the producer */
    byte published = 0;   /* the tail as last stored */
    byte missed = 0;      /* dropped messages that notices told of */
    byte scratch = 0;
    bit gone = 0;
    byte end;
    do
#ifdef FENCE_FREE
    :: atomic { has_arrived(next) -> open(me, next) };
        if
        :: atomic { has_arrived(next) -> deliver(me, next); next++ }
        :: skip   /* looked, and comes back later */
        fi
    :: atomic { settled != next -> rearm(me, settled); settled++ }
#else
    :: atomic { known == next && is_here(next) ->
            load_newest(me, SEQ(next), SEQ_LOAD);
            d_step {
                certain(me, META(known));
                known = known + 1 + FOLLOWERS_OF(newest(META(known)))
            }
        }
    :: atomic { known != next -> deliver(me, next); next++ }
#ifdef MUT_FOLLOWER_TRUSTED_WITHOUT_HEAD
    /* Looks ahead by the sequence word of a message whose head it has not seen. */
    :: atomic { CAPACITY > 1 && known == next && is_here(next + 1) ->
            load_newest(me, SEQ(next + 1), SEQ_LOAD);
            d_step { certain(me, META(next + 1)); skip }
        }
#endif
    :: settled != next -> settled = next
#endif
    :: MAY_PUBLISH -> publish_tail(me)
    :: atomic { end == 0 && FLAG(newest(END)) ->
            end = newest(END);
            load_newest(me, END, END_LOAD);
            require(AHEAD(end, next) <= CAPACITY, takes_the_end_for_corrupt)
        }
    :: FLAG(end) && MAY_END(next) -> break
#ifdef LEAVES
    :: leaves > 0 ->
        leaves--;
#ifndef MUT_LEAVES_WITHOUT_FLAG
        gone = 1;
#endif
        do
        :: atomic {
                settled != next ->
#ifdef FENCE_FREE
                rearm(me, settled);
#endif
                settled++
            }
        :: settled == next -> break
        od;
        publish_tail(me);
        if
        :: goto left
        :: skip
        fi;
        atomic {
            succeed(me, TAIL);   /* another one goes on */
            next = (AHEAD(newest(TAIL), 0));
            known = next;
            settled = next;
            gone = 0
        };
        publish_tail(me)
#endif
    od;
    ended(me);
left:
    skip
}
