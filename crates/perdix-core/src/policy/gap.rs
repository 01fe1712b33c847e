//! Messages that are dropped because the ring is full, and when the consumer hears of them.

/// What a producer does with messages that it wants to publish.
///
/// After a drop a gap marker goes ahead of the next message, in a slot of its own. A marker goes
/// without a message only where both never fit: a consumer that frees one slot at a time would
/// otherwise get nothing but markers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Plan {
    /// Publish the messages.
    Send = 0,
    /// Publish a gap marker, then the messages.
    MarkThenSend = 1,
    /// Publish a gap marker. The messages follow later, or are dropped and counted in the marker.
    MarkOnly = 2,
    /// Publish nothing: wait, or drop the messages.
    Nothing = 3,
}

impl Plan {
    /// For a producer that drops what does not fit. `unreported` messages have been dropped and no
    /// marker has reported them, `count` messages are to be published together, and `free` slots
    /// are free.
    ///
    /// [`MarkOnly`](Self::MarkOnly) and [`Nothing`](Self::Nothing) drop the messages.
    ///
    /// ```
    /// use perdix_core::policy::Plan;
    /// assert_eq!(Plan::or_drop(8, 0, 1, 1), Plan::Send);
    /// assert_eq!(Plan::or_drop(8, 5, 1, 1), Plan::Nothing); // a marker and a message need two slots
    /// assert_eq!(Plan::or_drop(8, 5, 1, 2), Plan::MarkThenSend);
    /// assert_eq!(Plan::or_drop(1, 5, 1, 1), Plan::MarkOnly); // this ring never has two
    /// ```
    #[inline(always)]
    pub const fn or_drop(capacity: u64, unreported: u64, count: u64, free: u64) -> Self {
        if free < Self::slots_or_drop(capacity, unreported, count) {
            Self::Nothing
        } else {
            Self::with_room(capacity, unreported, count)
        }
    }

    /// How many slots must be free before [`or_drop`](Self::or_drop) publishes anything: what a
    /// device producer asks for, before it looks at [`with_room`](Self::with_room).
    #[inline(always)]
    pub const fn slots_or_drop(capacity: u64, unreported: u64, count: u64) -> u64 {
        match Self::with_room(capacity, unreported, count) {
            Self::Send => count,
            Self::MarkThenSend => count + 1,
            Self::MarkOnly | Self::Nothing => 1,
        }
    }

    /// What [`or_drop`](Self::or_drop) does once enough slots are free.
    #[inline(always)]
    pub const fn with_room(capacity: u64, unreported: u64, count: u64) -> Self {
        if unreported == 0 {
            Self::Send
        } else if count < capacity {
            Self::MarkThenSend
        } else {
            Self::MarkOnly
        }
    }

    /// For a producer that waits until its messages fit: a marker goes as soon as one slot is free.
    ///
    /// After [`MarkOnly`](Self::MarkOnly) and [`Nothing`](Self::Nothing) the messages are still to
    /// be published.
    #[inline(always)]
    pub const fn or_wait(unreported: u64, count: u64, free: u64) -> Self {
        if unreported == 0 {
            if count <= free { Self::Send } else { Self::Nothing }
        } else if free == 0 {
            // Who asks for no slot only looks, and waits for nothing.
            if count == 0 { Self::Send } else { Self::Nothing }
        } else if count < free {
            Self::MarkThenSend
        } else {
            Self::MarkOnly
        }
    }
}

/// Numbers that `count` messages take together with the gap marker ahead of them, if one is due:
/// what a grid's warp claims at once.
#[inline(always)]
pub const fn marker_and(unreported: u64, count: u64) -> u64 {
    count.wrapping_add((unreported != 0) as u64)
}

/// Messages that the producer dropped and no gap marker has reported: `dropped` is the producer's
/// total, `reported` the sum of the markers.
///
/// A device producer stores its total only when it finishes. One that broke off has reported more
/// than its total says, and nothing is missing then.
///
/// ```
/// use perdix_core::policy::unreported;
/// assert_eq!((unreported(7, 5), unreported(5, 5), unreported(0, 5)), (2, 0, 0));
/// ```
#[inline(always)]
pub const fn unreported(dropped: u64, reported: u64) -> u64 {
    let missing = dropped.wrapping_sub(reported);
    if missing as i64 > 0 { missing } else { 0 }
}
