//! The answer by other means: the sieve of Eratosthenes.

/// The lesser prime of each pair of twins, if it is below `end`.
pub(crate) fn twins_below(end: u64) -> Vec<u64> {
    // The greater prime may lie just behind.
    let len = end as usize + 2;
    let mut composite = vec![false; len];
    for factor in (2..).take_while(|factor| factor * factor < len) {
        if !composite[factor] {
            composite[factor * factor..].iter_mut().step_by(factor).for_each(|number| *number = true);
        }
    }
    let is_twin = |number: &usize| !composite[*number] && !composite[*number + 2];
    (3..end as usize).filter(is_twin).map(|number| number as u64).collect()
}

#[cfg(test)]
mod tests {
    use super::twins_below;

    #[test]
    fn small_twins() {
        assert_eq!(twins_below(30), [3, 5, 11, 17, 29]);
        assert_eq!(twins_below(29), [3, 5, 11, 17]);
        assert!(twins_below(0).is_empty() && twins_below(3).is_empty());
    }

    #[test]
    fn as_many_as_the_tables_say() {
        assert_eq!(twins_below(100_000).len(), 1224);
    }
}
