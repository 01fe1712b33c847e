//! The report for the terminal.

use super::tables::{Table, tables, target_table};
use crate::results::Results;

/// All tables as text; the targets come last, where they are seen.
pub fn text(results: &Results) -> String {
    let mut all = machine(results);
    for table in tables(results).iter().chain([&target_table(results)]) {
        all.push('\n');
        all.push_str(&lines(table));
    }
    all
}

/// What was measured on.
pub fn machine(results: &Results) -> String {
    let machine = &results.machine;
    let mut lines = vec![
        format!(
            "{}, compute capability {}, CUDA {}, at {}",
            machine.device, machine.compute_capability, machine.driver, machine.pci_address
        ),
        format!("{}, {} cores; {}", machine.cpu, machine.cores, machine.pinning),
        format!("the GPU's clock moves in steps of {} ns", machine.clock_step),
        format!("{}: {:.0} s", results.command, results.seconds),
    ];
    if !machine.link.is_empty() {
        lines.insert(1, format!("link: {}", machine.link));
    }
    if !results.complete {
        lines.push("NOT COMPLETE: the run did not come to its end".to_owned());
    }
    lines.join("\n") + "\n"
}

/// A table with its columns in line.
fn lines(table: &Table) -> String {
    let mut widths: Vec<usize> = table.head.iter().map(|name| name.chars().count()).collect();
    for row in &table.rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells
            .zip(&widths)
            .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.chars().count().min(*width))))
            .collect();
        padded.join("  ").trim_end().to_owned() + "\n"
    };
    let mut text = format!("{}\n", table.title);
    text.push_str(&line(&mut table.head.iter().copied()));
    for row in &table.rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_by_characters() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let rows = vec![row(["1 µs", "x"]), row(["10 ns", ""])];
        let table = Table { title: "t", note: "", head: vec!["a", "b"], rows };
        assert_eq!(lines(&table), "t\na      b\n1 µs   x\n10 ns\n");
    }
}
