/* A CPU producer: messages one by one, or staged and published together, or given up.

   @instance CAPACITY=1 MESSAGES=3 SHAPES
   @instance CAPACITY=2 MESSAGES=5 START=253
   @instance CAPACITY=1 MESSAGES=3 SHAPES FENCE_FREE
   @instance CAPACITY=2 MESSAGES=5 FENCE_FREE START=126
   @long CAPACITY=4 MESSAGES=6
   @long CAPACITY=2 MESSAGES=4 SHAPES START=253
   @long CAPACITY=2 MESSAGES=3 SHAPES FENCE_FREE
   @mutation SEQ_RELAXED CAPACITY=2 MESSAGES=4: reads a word that may not be there
   @mutation SEQ_RELAXED CAPACITY=2 MESSAGES=4 FENCE_FREE: reads a word that may not be there
   @mutation SEQ_NO_ACQUIRE CAPACITY=2 MESSAGES=4: reads a word that may not be there
   @mutation NOTHING_ACQUIRED CAPACITY=2 MESSAGES=4 FENCE_FREE: reads a word that may not be there
   @mutation PUBLISH_NO_FENCE CAPACITY=2 MESSAGES=4: reads a word that may not be there
   @mutation PUBLISH_NO_FENCE CAPACITY=2 MESSAGES=4 FENCE_FREE: reads a word that may not be there
   @mutation TAIL_RELAXED CAPACITY=2 MESSAGES=4: writes what the other side may still read
   @mutation TAIL_NO_ACQUIRE CAPACITY=2 MESSAGES=4: writes what the other side may still read
   @mutation END_RELAXED CAPACITY=2 MESSAGES=3: reads a word that may not be there
   @mutation END_NO_ACQUIRE CAPACITY=2 MESSAGES=3: reads a word that may not be there
   @mutation END_BEFORE_FAULT CAPACITY=2 MESSAGES=3: reads a word that may not be there
   @mutation END_WITHOUT_NUMBER CAPACITY=2 MESSAGES=3: ends before all was delivered
*/

#define THREADS 2
#define IN_THE_LANGUAGE 1
#define C 0
#define P 1
#ifndef HISTORY
#define HISTORY 6
#endif
#include "words.pml"
#define LOCATIONS RING_LOCATIONS
#include "weak.pml"
#include "ring.pml"

#include "common.pml"
#include "consumer.pml"

/* Writes message n in place: what it does not use is put back to the sentinel, since an earlier, longer one may have been given up. */
inline write(n) {
    if :: sent[n].size > 0 -> store(P, WORD(n, 0), sent_as(sent[n].word[0]), RELAXED) :: else fi;
    if :: sent[n].size > 1 -> store(P, WORD(n, 1), sent_as(sent[n].word[1]), RELAXED) :: else fi;
#ifdef FENCE_FREE
    if :: sent[n].size < 1 -> store(P, WORD(n, 0), SENTINEL, RELAXED) :: else fi;
    if :: sent[n].size < 2 -> store(P, WORD(n, 1), SENTINEL, RELAXED) :: else fi;
#endif
    store(P, META(n), META_WORD(sent[n].size, mask_of(n), 0), RELAXED)
}

byte abandons = 1;

proctype Producer() {
    byte head = 0;
    byte tail = 0;     /* a tail that was reached */
    byte staged = 0;
    byte word;
    do
    :: head + staged < MESSAGES && head + staged - tail < CAPACITY ->
        atomic { make(head + staged); write(head + staged) };
        if
        :: staged == 0 -> atomic { store(P, SEQ(head), SEQUENCE(head), SEQ_ORDER); head++ }
        :: staged++
        fi
    :: atomic { AHEAD(newest(TAIL), tail) != 0 -> load(P, TAIL, TAIL_LOAD, word); tail = tail + AHEAD(word, tail) };
        d_step { require(tail <= head, takes_the_tail_for_corrupt); word = 0 }
    :: staged > 0 ->
        atomic {
#ifndef MUT_PUBLISH_NO_FENCE
            release_fence(P);
#endif
            do
            :: staged > 0 -> store(P, SEQ(head), SEQUENCE(head), RELAXED); head++; staged--
            :: staged == 0 -> break
            od
        }
    :: staged > 0 && abandons > 0 ->
        abandons--;
        atomic {
#if defined(FENCE_FREE)
            do
            :: staged > 0 ->
                staged--;
                store(P, META(head + staged), SENTINEL, RELAXED);
                store(P, WORD(head + staged, 0), SENTINEL, RELAXED);
                store(P, WORD(head + staged, 1), SENTINEL, RELAXED)
            :: staged == 0 -> break
            od;
            release_fence(P)
#else
            staged = 0
#endif
        }
    :: staged == 0 -> break
    od;
    if
    :: close(P, head, 0)
    :: close(P, head, 1)
    fi
}
init {
    atomic {
        make_ring();
        run Consumer(C);
        run Producer()
    }
}
