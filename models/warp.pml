/* A warp that produces: lanes that store side by side, runs behind one sequence word, credit asked for ahead of need; a consumer that
   leaves, and another one that goes on.

   @instance CAPACITY=1 MESSAGES=4
   @instance CAPACITY=2 MESSAGES=5 START=253
   @instance CAPACITY=4 MESSAGES=5
   @instance CAPACITY=2 MESSAGES=4 FENCE_FREE START=126
   @instance CAPACITY=1 MESSAGES=3 FENCE_FREE SHAPES
   @instance CAPACITY=2 MESSAGES=3 LEAVES=1
   @instance CAPACITY=1 MESSAGES=3 FENCE_FREE LEAVES=1
   @long CAPACITY=4 MESSAGES=6
   @long CAPACITY=2 MESSAGES=3 FENCE_FREE SHAPES
   @long CAPACITY=2 MESSAGES=3 FENCE_FREE LEAVES=1
   @long CAPACITY=2 MESSAGES=4 LEAVES=2
   @mutation SEQ_RELAXED CAPACITY=2 MESSAGES=4: reads a word that may not be there
   @mutation SEQ_NO_ACQUIRE CAPACITY=2 MESSAGES=4: reads a word that may not be there
   @mutation HEAD_STORED_EARLY CAPACITY=2 MESSAGES=4: reads a word that may not be there
   @mutation FOLLOWER_TRUSTED_WITHOUT_HEAD CAPACITY=2 MESSAGES=4: reads a word that may not be there
   @mutation LANES_NOT_JOINED_BEFORE_PUBLISHING CAPACITY=2 MESSAGES=4: reads a word that may not be there
   @mutation LANES_NOT_JOINED_AFTER_LOOKING CAPACITY=2 MESSAGES=4: writes what the other side may still read
   @mutation LANES_NOT_JOINED_AFTER_LOOKING CAPACITY=2 MESSAGES=4 FENCE_FREE: writes on top of a store under way
   @mutation ANSWER_USED_WITHOUT_ACQUIRE CAPACITY=2 MESSAGES=4: writes what the other side may still read
   @mutation TAIL_RELAXED CAPACITY=2 MESSAGES=4: writes what the other side may still read
   @mutation TAIL_RELAXED CAPACITY=2 MESSAGES=4 FENCE_FREE: writes on top of a store under way
   @mutation TAIL_NO_ACQUIRE CAPACITY=2 MESSAGES=4: writes what the other side may still read
   @mutation TAIL_NO_ACQUIRE CAPACITY=2 MESSAGES=4 FENCE_FREE: writes on top of a store under way
   @mutation REARM_SKIPPED CAPACITY=2 MESSAGES=4 FENCE_FREE: reads a word that may not be there
   @mutation REARM_AFTER_TAIL CAPACITY=2 MESSAGES=4 FENCE_FREE: reads a word that may not be there
   @mutation MASK_NOT_APPLIED CAPACITY=2 MESSAGES=4 FENCE_FREE: delivers what was not sent
   @mutation MASK_NOT_SENT CAPACITY=2 MESSAGES=4 FENCE_FREE: delivers what was not sent
   @mutation OPENED_NOT_SET CAPACITY=2 MESSAGES=4 FENCE_FREE: somebody waits for ever
   @mutation SENTINEL_SENT_AS_ITSELF CAPACITY=2 MESSAGES=4 FENCE_FREE: writes on top of a store under way
   @mutation LEAVES_WITHOUT_FLAG CAPACITY=2 MESSAGES=3 LEAVES=1: somebody waits for ever
*/

#define THREADS 3
#define C 0
#define L 1   /* lane 0 */
#define K 2   /* another lane */
#ifndef HISTORY
#define HISTORY 12
#endif
#ifndef LONGEST
#define LONGEST CAPACITY   /* of a run */
#endif
#ifdef LEAVES
byte leaves = LEAVES;
#endif
#include "words.pml"
#define LOCATIONS RING_LOCATIONS
#include "weak.pml"
#include "ring.pml"
#include "common.pml"
#include "consumer.pml"

/* The lanes that store the header and the payload of the message i of a run: not the same for even and odd ones. */
#define HEADER_LANE(i) ((i) % 2 == 0 -> L : K)
#define PAYLOAD_LANE(i) ((i) % 2 == 0 -> K : L)

#ifdef MUT_HEAD_STORED_EARLY
#define EARLY_HEAD SEQUENCE(n)
#else
#define EARLY_HEAD ((SEQUENCE(n) + 256 - CAPACITY) & 255)
#endif

#ifdef MUT_LANES_NOT_JOINED_BEFORE_PUBLISHING
#define join_before_publishing skip
#else
#define join_before_publishing barrier(L, K)
#endif
#ifdef MUT_LANES_NOT_JOINED_AFTER_LOOKING
#define join_after_looking skip
#else
#define join_after_looking barrier(L, K)
#endif

/* Stores message n, number i of a run of `count`. */
inline write(n, i, count) {
    if :: sent[n].size > 0 -> store(PAYLOAD_LANE(i), WORD(n, 0), sent_as(sent[n].word[0]), RELAXED) :: else fi;
    if :: sent[n].size > 1 -> store(PAYLOAD_LANE(i), WORD(n, 1), sent_as(sent[n].word[1]), RELAXED) :: else fi;
#ifdef FENCE_FREE
    store(HEADER_LANE(i), META(n), META_WORD(sent[n].size, mask_of(n), 0), RELAXED);
    store(HEADER_LANE(i), SEQ(n), SEQUENCE(n), RELAXED)
#else
    /* A follower's sequence word may be seen before all else of the run, and means nothing by itself. */
    if
    :: i == 0 ->
        store(HEADER_LANE(i), META(n), META_WORD(sent[n].size, 0, count - 1), RELAXED);
        store(HEADER_LANE(i), SEQ(n), EARLY_HEAD, RELAXED)
    :: else ->
        store(HEADER_LANE(i), META(n), META_WORD(sent[n].size, 0, 0), RELAXED);
        store(HEADER_LANE(i), SEQ(n), SEQUENCE(n), RELAXED)
    fi
#endif
}

proctype Warp() {
    byte head = 0;
    byte tail = 0;
    byte count = 0;
    byte i = 0;
    byte word = 0;
    bit asked = 0;
    do
    :: head < MESSAGES && head - tail < CAPACITY ->
        atomic {
            count = 1;
            do
            :: count < LONGEST && head + count < MESSAGES && head + count - tail < CAPACITY -> count++
            :: break
            od
        };
        /* Asked ahead of need, before the payload is written: orders nothing yet. */
        if
        :: atomic { AHEAD(newest(TAIL), tail) != 0 -> load(L, TAIL, RELAXED, word); asked = 1 }
        :: skip
        fi;
        atomic {
            i = 0;
            do
            :: i < count -> make(head + i); write(head + i, i, count); i++
            :: else -> break
            od;
            i = 0
        };
#ifdef FENCE_FREE
        if
        :: asked -> full_fence(L)
        :: else
        fi;
#else
        join_before_publishing;
        if
#ifndef MUT_ANSWER_USED_WITHOUT_ACQUIRE
        :: asked -> full_fence(L); store(L, SEQ(head), SEQUENCE(head), RELAXED)
        :: else -> store(L, SEQ(head), SEQUENCE(head), SEQ_ORDER)
#else
        :: store(L, SEQ(head), SEQUENCE(head), SEQ_ORDER)
#endif
        fi;
#endif
        if
        :: atomic { asked ->
                /* A tail that says that the consumer is gone is left for the next wait. */
                if :: !FLAG(word) -> tail = tail + AHEAD(word, tail) :: else fi;
                asked = 0; word = 0;
                join_after_looking
            }
        :: !asked
        fi;
        atomic { head = head + count; count = 0 }
    :: atomic { head < MESSAGES && (AHEAD(newest(TAIL), tail) != 0 || FLAG(newest(TAIL))) ->
            load(L, TAIL, TAIL_LOAD, word);
            if
            :: FLAG(word) -> break
            :: else -> tail = tail + AHEAD(word, tail)
            fi;
            word = 0;
            require(tail <= head, takes_the_tail_for_corrupt);
            join_after_looking
        }
    :: head == MESSAGES -> break
    od;
    join_before_publishing;
    close(L, head, (FLAG(word) -> 2 : 0));
    end_thread(L);
    end_thread(K)
}

init {
    atomic {
        make_ring();
        run Consumer(C);
        run Warp()
    }
}
