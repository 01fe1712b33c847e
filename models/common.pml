/* What producers of all kinds share. */

#ifdef MUT_SEQ_RELAXED
#define SEQ_ORDER RELAXED
#else
#define SEQ_ORDER ORDERED
#endif
#ifdef MUT_TAIL_NO_ACQUIRE
#define TAIL_LOAD RELAXED
#else
#define TAIL_LOAD ORDERED
#endif

/* What a word is sent as, and the mask of message n. */
#ifdef FENCE_FREE
#ifdef MUT_SENTINEL_SENT_AS_ITSELF
#define sent_as(value) value
#else
#define sent_as(value) (value == SENTINEL -> STAND_IN : value)
#endif
#ifdef MUT_MASK_NOT_SENT
#define mask_of(n) 0
#else
#define mask_of(n) ((sent[n].size > 0 && sent[n].word[0] == SENTINEL -> 1 : 0) \
    + (sent[n].size > 1 && sent[n].word[1] == SENTINEL -> 2 : 0))
#endif
#else
#define sent_as(value) value
#define mask_of(n) 0
#endif

/* What the consumer of a stream without gaps must find at its end. */
#define took(n) skip
#define ended(me) \
    require(next == end_number, ends_before_all_was_delivered); \
    d_step { certain(me, FAULT); require(newest(FAULT) == end_fault, tells_the_wrong_fault); skip }
