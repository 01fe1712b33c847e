/* Where the words of a ring are, and what their values mean. Numbers are bytes here, and wrap as 64 bits do. */

#ifndef START
#define START 0
#endif
#define SIZE 2   /* words of payload in a slot */

/* Locations. */
#define SEQ(n) (4 * (((n) + START) % CAPACITY))
#define META(n) (SEQ(n) + 1)
#define WORD(n, i) (SEQ(n) + 2 + (i))
#define TAIL (4 * CAPACITY)
#define END (TAIL + 1)
#define FAULT (TAIL + 2)
#define DROPPED (TAIL + 3)
#define RING_LOCATIONS (4 * CAPACITY + 4)

/* Message n, counted from the first, is there when its sequence word holds this. */
#define SEQUENCE(n) ((START + (n) + 1) & 255)

/* A cursor: the number without its top bit, and a flag beside it. */
#define CURSOR(n, flag) ((((START + (n)) & 127) << 1) | (flag))
#define FLAG(word) ((word) & 1)
/* How far a cursor is ahead of message n, modulo half of all numbers. */
#define AHEAD(word, n) ((((word) >> 1) - START - (n)) & 127)

/* The meta word: size 0 to 2, or 3 for a gap notice; mask; followers; opened. The sentinel is none of these. */
#define SENTINEL 255
#define STAND_IN 254
#define NOTICE 3
#define SIZE_OF(meta) ((meta) & 3)
#define WORDS_OF(meta) (SIZE_OF(meta) == NOTICE -> 1 : SIZE_OF(meta))
#define MASK_OF(meta) (((meta) >> 2) & 3)
#define FOLLOWERS_OF(meta) (((meta) >> 4) & 3)
#define OPENED 64
#define META_WORD(size, mask, followers) ((size) | ((mask) << 2) | ((followers) << 4))


/* The consumer loads the slots and the end, producers all else. */
#define READS(t, l) (((l) == TAIL || (l) >= RING_LOCATIONS) != ((t) == C))
