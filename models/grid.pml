/* Warps of a grid: numbers from a ticket, one that looks at the tail for all, giving up, and the last that closes the stream.
   Each warp is one thread here; its lanes are in warp.pml.

   @instance CAPACITY=1
   @instance CAPACITY=2 LONGEST=1
   @instance CAPACITY=2 EACH_SENDS=1 TIME_OUTS=1
   @instance CAPACITY=1 TIME_OUTS=1
   @instance CAPACITY=1 TIME_OUTS=1 FENCE_FREE
   @instance CAPACITY=1 EACH_SENDS=1 LEAVES=1
   @instance CAPACITY=1 WARPS=3 EACH_SENDS=1
   @long CAPACITY=2 TIME_OUTS=1
   @long CAPACITY=2 FENCE_FREE
   @long CAPACITY=2 TIME_OUTS=1 LOOKS_AHEAD
   @long CAPACITY=1 LEAVES=1
   @long CAPACITY=1 WARPS=3 EACH_SENDS=1 TIME_OUTS=2
   @long CAPACITY=2 WARPS=3 EACH_SENDS=1 FENCE_FREE
   @mutation UNSENT_NOT_NOTED CAPACITY=1 TIME_OUTS=1: somebody waits for ever
   @mutation UNSENT_NOT_THE_SMALLEST CAPACITY=1 WARPS=3 EACH_SENDS=1 TIME_OUTS=2: somebody waits for ever
   @mutation REASON_NOT_NOTED CAPACITY=1 TIME_OUTS=1: somebody waits for ever
   @mutation FIRST_CLOSES CAPACITY=1: takes the end for corrupt
   @mutation FINISHED_WITHOUT_FENCE CAPACITY=1 TIME_OUTS=1: somebody waits for ever
   @mutation CLOSES_WITHOUT_FENCE CAPACITY=1 TIME_OUTS=1: somebody waits for ever
   @mutation SHARED_TAIL_RELAXED CAPACITY=2: writes on top of a store under way
   @mutation SHARED_TAIL_NO_ACQUIRE CAPACITY=2: writes on top of a store under way
   @mutation ANSWER_SHARED_WITHOUT_FENCE CAPACITY=2 LOOKS_AHEAD FENCE_FREE: writes on top of a store under way
   @mutation TAIL_RELAXED CAPACITY=2: writes on top of a store under way
   @mutation TAIL_NO_ACQUIRE CAPACITY=2: writes on top of a store under way
   @mutation SEQ_RELAXED CAPACITY=2: reads a word that may not be there
*/

#ifndef WARPS
#define WARPS 2
#endif
#ifndef EACH_SENDS
#define EACH_SENDS 2
#endif
#define MESSAGES (WARPS * EACH_SENDS)
#define THREADS (WARPS + 1)
#define C 0
#ifndef HISTORY
#define HISTORY 8
#endif
#ifndef LONGEST
#define LONGEST CAPACITY
#endif
#ifdef LEAVES
byte leaves = LEAVES;
#endif
#ifdef TIME_OUTS
byte time_outs = TIME_OUTS;
#endif
#include "words.pml"

/* Words in device memory. */
#define TICKET RING_LOCATIONS
#define SHARED_TAIL (TICKET + 1)
#define UNSENT (TICKET + 2)
#define REASON (TICKET + 3)
#define FINISHED (TICKET + 4)
#define LOCATIONS (RING_LOCATIONS + 5)
#define NONE 255
bit looking;   /* an atomic that orders nothing */

#include "weak.pml"
#include "ring.pml"

/* What was really claimed and not sent. */
byte first_unsent = NONE;
bit has_reason;

#include "common.pml"
#undef ended
#define ended(me) \
    require(next == (first_unsent < newest(TICKET) -> first_unsent : newest(TICKET)), ends_before_all_was_delivered); \
    d_step { \
        certain(me, FAULT); \
        require((newest(FAULT) != 0) == has_reason, tells_the_wrong_fault); \
        certain(me, DROPPED); \
        require(newest(DROPPED) == newest(TICKET) - next, counts_dropped_messages_wrong); \
        skip \
    }
#include "consumer.pml"

#ifdef MUT_SHARED_TAIL_RELAXED
#define SHARE_ORDER RELAXED
#else
#define SHARE_ORDER ORDERED
#endif
#ifdef MUT_SHARED_TAIL_NO_ACQUIRE
#define SHARED_LOAD RELAXED
#else
#define SHARED_LOAD ORDERED
#endif

#define end_of_claim (number + count)
#define has_credit (end_of_claim - tail <= CAPACITY)

inline write(n, i, count) {
    if :: sent[n].size > 0 -> store(me, WORD(n, 0), sent_as(sent[n].word[0]), RELAXED) :: else fi;
    if :: sent[n].size > 1 -> store(me, WORD(n, 1), sent_as(sent[n].word[1]), RELAXED) :: else fi;
#ifdef FENCE_FREE
    store(me, META(n), META_WORD(sent[n].size, mask_of(n), 0), RELAXED);
    store(me, SEQ(n), SEQUENCE(n), RELAXED)
#else
    if
    :: i == 0 ->
        store(me, META(n), META_WORD(sent[n].size, 0, count - 1), RELAXED);
        store(me, SEQ(n), ((SEQUENCE(n) + 256 - CAPACITY) & 255), RELAXED)
    :: else ->
        store(me, META(n), META_WORD(sent[n].size, 0, 0), RELAXED);
        store(me, SEQ(n), SEQUENCE(n), RELAXED)
    fi
#endif
}

proctype Warp(byte me) {
    byte left = EACH_SENDS;
    byte tail;
    byte number;
    byte count;
    byte i;
    byte word;
    byte reason;
    bit newer;
    byte ask;   /* 1: asked across the link, 2: asked what another one found */
    load(me, SHARED_TAIL, SHARED_LOAD, tail);
    do
    :: left == 0 -> break
    :: left > 0 ->
        /* Claim, unless somebody has given up. */
        load(me, REASON, RELAXED, word);
        atomic {
            if
            :: word != 0 -> word = 0; left = 0; goto finish
            :: else
            fi;
            count = 1;
            do
            :: count < left && count < LONGEST -> count++
            :: break
            od;
            number = newest(TICKET);
            modify(me, TICKET, number + count)
        };
        /* Wait for credit. */
        do
        :: atomic { !has_credit && newest(SHARED_TAIL) > tail ->
                load(me, SHARED_TAIL, SHARED_LOAD, word);
                if :: word > tail -> tail = word :: else fi;
                word = 0
            }
        :: atomic { !has_credit && !looking && (AHEAD(newest(TAIL), tail) != 0 || FLAG(newest(TAIL))) ->
                looking = 1;
                load(me, TAIL, TAIL_LOAD, word);
                if
                :: FLAG(word) -> reason = 2
                :: else ->
                    /* It lies between the one known and the end asked for. */
                    require(AHEAD(word, tail) <= end_of_claim - tail, takes_the_tail_for_corrupt);
                    newer = (AHEAD(word, tail) != 0);
                    tail = tail + AHEAD(word, tail)
                fi;
                word = 0
            };
            if
            :: reason != 0 -> looking = 0; break
            :: reason == 0 && newer -> store_shared(me, SHARED_TAIL, tail, SHARE_ORDER); newer = 0; looking = 0
            :: reason == 0 && !newer -> looking = 0   /* would share what is known */
            fi
        :: !has_credit && newest(REASON) != 0 -> break   /* stopped: another one has said why */
#ifdef TIME_OUTS
        :: !has_credit && time_outs > 0 -> time_outs--; reason = 1; break
#endif
        :: has_credit -> break
        od;
        if
        :: !has_credit ->
            atomic {
                if :: number < first_unsent -> first_unsent = number :: else fi;
                if :: reason != 0 -> has_reason = 1 :: else fi
            };
#ifndef MUT_UNSENT_NOT_NOTED
            atomic {
                word = newest(UNSENT);
#ifdef MUT_UNSENT_NOT_THE_SMALLEST
                word = number;
#else
                word = (number < word -> number : word);
#endif
                modify(me, UNSENT, word);
                word = 0
            };
#endif
#ifndef MUT_REASON_NOT_NOTED
            atomic {
                if
                :: reason != 0 && newest(REASON) == 0 -> modify(me, REASON, reason)
                :: else
                fi
            };
#endif
            left = 0; number = 0; count = 0; reason = 0;
            goto finish
        :: has_credit
        fi;
#ifdef LOOKS_AHEAD
        if
        :: atomic { AHEAD(newest(TAIL), tail) != 0 -> load(me, TAIL, RELAXED, word); ask = 1 }
        :: atomic { newest(SHARED_TAIL) > tail -> load(me, SHARED_TAIL, RELAXED, word); ask = 2 }
        :: skip
        fi;
#endif
        atomic {
            i = 0;
            do
            :: i < count -> make(number + i); write(number + i, i, count); i++
            :: else -> break
            od;
            i = 0
        };
#ifndef FENCE_FREE
        if
#ifdef LOOKS_AHEAD
        :: ask != 0 -> full_fence(me); store(me, SEQ(number), SEQUENCE(number), RELAXED)
#endif
        :: ask == 0 -> store(me, SEQ(number), SEQUENCE(number), SEQ_ORDER)
        fi;
#endif
#ifdef LOOKS_AHEAD
        if
        :: ask == 1 ->
#ifdef FENCE_FREE
#ifndef MUT_ANSWER_SHARED_WITHOUT_FENCE
            full_fence(me);
#endif
#endif
            if :: !FLAG(word) -> tail = tail + AHEAD(word, tail) :: else fi;
            store_shared(me, SHARED_TAIL, tail, RELAXED)
        :: ask == 2 ->
#ifdef FENCE_FREE
            full_fence(me);
#endif
            if :: word > tail -> tail = word :: else fi
        :: ask == 0
        fi;
#endif
        atomic { left = left - count; count = 0; number = 0; ask = 0; word = 0 }
    od;
finish:
#ifndef MUT_FINISHED_WITHOUT_FENCE
    full_fence(me);
#endif
    atomic { word = newest(FINISHED) + 1; modify(me, FINISHED, word) };
    if
#ifdef MUT_FIRST_CLOSES
    :: word == 1 ->
#else
    :: word == WARPS ->
#endif
#ifndef MUT_CLOSES_WITHOUT_FENCE
        full_fence(me);
#endif
        load(me, TICKET, RELAXED, number);
        load(me, UNSENT, RELAXED, count);
        load(me, REASON, RELAXED, reason);
        if :: count > number -> count = number :: else fi;
        store(me, DROPPED, number - count, RELAXED);
        close(me, count, reason)
    :: else
    fi;
    end_thread(me)
}

init {
    atomic {
        make_ring();
        initial(TICKET, 0);
        initial(SHARED_TAIL, 0);
        initial(UNSENT, NONE);
        initial(REASON, 0);
        initial(FINISHED, 0);
        run Consumer(C);
        byte warp = 1;
        do
        :: warp <= WARPS -> run Warp(warp); warp++
        :: else -> break
        od
    }
}
