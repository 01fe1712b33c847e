/* A producer that drops the newest message when the ring is full, and tells of it: notices in order, the rest at the end.

   @instance CAPACITY=1 ATTEMPTS=6
   @instance CAPACITY=2 ATTEMPTS=7 START=253
   @instance CAPACITY=2 ATTEMPTS=6 FENCE_FREE START=126
   @instance CAPACITY=4 ATTEMPTS=7
   @long CAPACITY=4 ATTEMPTS=10
   @long CAPACITY=4 ATTEMPTS=8 FENCE_FREE
   @mutation NOTICE_AFTER_THE_MESSAGE CAPACITY=2 ATTEMPTS=5: counts dropped messages wrong
   @mutation CREDIT_KEPT_WHILE_A_GAP_IS_UNTOLD CAPACITY=2 ATTEMPTS=5: counts dropped messages wrong
   @mutation NOTICE_REPEATED CAPACITY=2 ATTEMPTS=5: counts dropped messages wrong
   @mutation MESSAGE_DISPLACED_BY_A_NOTICE_NOT_COUNTED CAPACITY=1 ATTEMPTS=5: counts dropped messages wrong
   @mutation REST_NOT_TOLD CAPACITY=2 ATTEMPTS=5: counts dropped messages wrong
   @mutation DROPPED_STORED_AFTER_END CAPACITY=2 ATTEMPTS=5: reads a word that may not be there
   @mutation END_RELAXED CAPACITY=2 ATTEMPTS=4: reads a word that may not be there
*/

#define THREADS 2
#define IN_THE_LANGUAGE 1
#define C 0
#define P 1
#ifndef HISTORY
#define HISTORY 8
#endif
#define MESSAGES (2 * ATTEMPTS)
#include "words.pml"
#define LOCATIONS RING_LOCATIONS
#include "weak.pml"
#include "ring.pml"
#include "common.pml"

/* The consumer counts what it gets and what it is told to miss: together that must be every attempt, in order. */
#undef took
#define took(n) \
    if \
    :: sent[n].size == NOTICE -> missed = missed + sent[n].word[0]; position = position + sent[n].word[0] \
    :: else -> require(sent[n].word[0] == OWN_WORD(position, 0), counts_dropped_messages_wrong); position++ \
    fi
byte position;
bit late;   /* of a mutation */

#ifdef MUT_REST_NOT_TOLD
#define rest 0
#else
#define rest (newest(DROPPED) - missed)
#endif
#undef ended
#define ended(me) \
    require(next == end_number, ends_before_all_was_delivered); \
    d_step { \
        certain(me, DROPPED); \
        position = position + rest; \
        require(position == ATTEMPTS, counts_dropped_messages_wrong); \
        skip \
    }
#include "consumer.pml"

#define credit (CAPACITY - ((head - tail) & 255))
#define used_up ((head - CAPACITY) & 255)

inline count_dropped() {
    gap++;
    dropped++;
#ifndef MUT_DROPPED_STORED_AFTER_END
    store(P, DROPPED, dropped, RELAXED)
#endif
}

/* Publishes what `sent[head]` says. */
inline publish() {
    if :: sent[head].size > 0 -> store(P, WORD(head, 0), sent_as(sent[head].word[0]), RELAXED) :: else fi;
    if :: sent[head].size == 2 -> store(P, WORD(head, 1), sent_as(sent[head].word[1]), RELAXED) :: else fi;
    store(P, META(head), META_WORD(sent[head].size, mask_of(head), 0), RELAXED);
    store(P, SEQ(head), SEQUENCE(head), SEQ_ORDER);
    head++
}

inline publish_notice() {
    atomic {
        sent[head].size = NOTICE;
        sent[head].word[0] = gap;
        publish();
#ifndef MUT_NOTICE_REPEATED
        gap = 0
#endif
    }
}

proctype Producer() {
    byte head = 0;
    byte tail = 0;
    byte gap = 0;
    byte dropped = 0;
    byte attempt = 0;
    byte word = 0;
    do
    :: attempt < ATTEMPTS ->
        if
        :: credit != 0
        :: credit == 0 ->
            load(P, TAIL, TAIL_LOAD, word);
            atomic {
                tail = (tail + AHEAD(word, tail)) & 255;
                word = 0;
                require(((head - tail) & 255) <= CAPACITY, takes_the_tail_for_corrupt);
                if
                :: credit < (gap != 0 && CAPACITY > 1 -> 2 : 1) ->
                    count_dropped();
#ifndef MUT_CREDIT_KEPT_WHILE_A_GAP_IS_UNTOLD
                    tail = used_up;
#endif
                    attempt++;
                    goto next_attempt
                :: else
                fi
            };
            if
            :: gap != 0 ->
                if
                :: CAPACITY == 1 ->
#ifndef MUT_MESSAGE_DISPLACED_BY_A_NOTICE_NOT_COUNTED
                    count_dropped();
#endif
                    attempt++
                :: else
                fi;
#ifdef MUT_NOTICE_AFTER_THE_MESSAGE
                if :: CAPACITY > 1 -> late = 1 :: else -> publish_notice() fi
#else
                publish_notice()
#endif
            :: gap == 0
            fi
        fi;
        if
        :: credit != 0 ->
            atomic {
                sent[head].size = 1 + (attempt & 1);
                sent[head].word[0] = OWN_WORD(attempt, 0);
                sent[head].word[1] = OWN_WORD(attempt, 1);
                publish();
                attempt++
            };
#ifdef MUT_NOTICE_AFTER_THE_MESSAGE
            if :: late -> late = 0; publish_notice() :: else fi;
#endif
            skip
        :: else
        fi;
next_attempt:
        skip
    :: attempt == ATTEMPTS -> break
    od;
    close(P, head, 0);
#ifdef MUT_DROPPED_STORED_AFTER_END
    store(P, DROPPED, dropped, RELAXED)
#endif
}


init {
    atomic {
        make_ring();
        run Consumer(C);
        run Producer()
    }
}
