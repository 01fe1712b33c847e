//! Proves the granularities on launches, rings and readers that nobody thought of.

use perdix_core::Mode;
use perdix_gpu::emulation::EmulatedRing;
use perdix_kernels::pattern::ALL_LENGTHS;
use proptest::prelude::*;

use crate::common::{End, Reader, Sender, check, check_counts, pattern};

fn sender() -> impl Strategy<Value = Sender> {
    prop_oneof![
        (1..40_u64).prop_map(|batch| Sender::Thread { batch }),
        (1..40_u64).prop_map(|batch| Sender::Warp { batch }),
        (1..4_u32, 1..200_u64).prop_map(|(warps, batch)| Sender::Block { warps, batch }),
        (1..3_u32, 1..3_u32, 1..40_u64).prop_map(|(blocks, warps, batch)| Sender::Grid {
            blocks,
            warps,
            batch
        }),
    ]
}

fn reader() -> impl Strategy<Value = Reader> {
    prop_oneof![
        3 => Just(Reader::Steady),
        1 => (10..50_u64).prop_map(Reader::Sleepy),
        1 => (0..100_u64).prop_map(Reader::Leaves),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, max_shrink_iters: 40, failure_persistence: None, ..<_>::default() })]

    #[test]
    fn any_launch_keeps_the_protocol(
        sender in sender(),
        reader in reader(),
        log_capacity in 0..8_u32,
        fence_free: bool,
        sentinels: bool,
        start in prop_oneof![Just(0), (0..400_u64).prop_map(|back| 0_u64.wrapping_sub(back)), any::<u64>()],
        len in prop_oneof![Just(ALL_LENGTHS), 0..=240_u32],
        count in 0..200_u64,
    ) {
        let mode = if fence_free { Mode::FenceFree } else { Mode::Fenced };
        let ring = EmulatedRing::starting_at(1 << log_capacity, mode, start);
        let pattern = pattern(len, sentinels);
        let outcome = sender.run(&ring, reader, pattern, count);
        prop_assert!(outcome.launched);
        if sender.streams() == 1 {
            check(pattern, 0, &outcome.messages);
        }
        if outcome.end == End::Ended {
            prop_assert_eq!(outcome.messages.len() as u64, count * sender.streams());
            check_counts(&ring, &outcome.messages);
        } else {
            prop_assert!(matches!(reader, Reader::Leaves(most) if most == outcome.messages.len() as u64));
        }
    }
}
