//! The report as one HTML file that needs nothing else.

use std::fmt::Write as _;

use super::plots::plots;
use super::tables::{Table, tables, target_table};
use super::text::machine;
use crate::results::Results;

const STYLE: &str = "body{font:15px/1.45 sans-serif;max-width:1150px;margin:24px auto;padding:0 16px;color:#222}\
h1{font-size:24px}h2{font-size:18px;margin:32px 0 4px}p{margin:4px 0 10px;color:#555}pre{color:#444;white-space:pre-wrap}\
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}\
th,td{padding:3px 10px 3px 0;text-align:left;border-bottom:1px solid #ddd;vertical-align:top}\
th{border-bottom:2px solid #888}div{overflow-x:auto}svg{max-width:100%;height:auto}\
.met{color:#0a6b3a;font-weight:bold}.MISSED{color:#b3261e;font-weight:bold}.not{color:#777}";

/// The whole report.
///
/// # Errors
/// If a plot cannot be drawn, with the reason in words.
pub fn html(results: &Results) -> Result<String, String> {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Perdix on a GPU</title>\
         <style>{STYLE}</style></head><body>\n<h1>Perdix on a GPU</h1>\n<pre>{}</pre>\n",
        escaped(&machine(results))
    );
    push_table(&mut page, &target_table(results));
    for plot in plots(results) {
        let (title, note, svg) = (escaped(plot.title), escaped(plot.note), plot.svg()?);
        // Writing to a String cannot fail.
        let _ = writeln!(page, "<h2>{title}</h2>\n<p>{note}</p>\n{svg}");
    }
    tables(results).iter().for_each(|table| push_table(&mut page, table));
    page.push_str("</body></html>\n");
    Ok(page)
}

fn push_table(page: &mut String, table: &Table) {
    let cells = |tag: &str, cells: &mut dyn Iterator<Item = &str>| -> String {
        let all: Vec<String> = cells
            .map(|cell| match cell {
                "met" | "MISSED" | "not measured" => {
                    let class = cell.split(' ').next().unwrap_or_default();
                    format!("<{tag} class=\"{class}\">{cell}</{tag}>")
                }
                _ => format!("<{tag}>{}</{tag}>", escaped(cell)),
            })
            .collect();
        format!("<tr>{}</tr>\n", all.concat())
    };
    let (title, note) = (escaped(table.title), escaped(table.note));
    // Writing to a String cannot fail.
    let _ = write!(
        page,
        "<h2>{title}</h2>\n<p>{note}</p>\n<div><table>\n{}",
        cells("th", &mut table.head.iter().copied())
    );
    for row in &table.rows {
        page.push_str(&cells("td", &mut row.iter().map(String::as_str)));
    }
    page.push_str("</table></div>\n");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
