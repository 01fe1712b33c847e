//! The screen.

use std::time::Duration;

use perdix_host::process::Holder;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Text;
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table, TableState, Wrap};

use super::cells::{COLUMNS, cells, details, nothing};
use super::model::{Model, Ring};

/// The columns after the second hold numbers and little else.
const FIRST_NUMBER: usize = 4;

/// Draws all of it.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, interval: Duration) {
    let [head, rings, more, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(3),
        Constraint::Length(5),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let title = format!("perdix top: {} rings in {}, every {interval:?}", model.rings.len(), model.directory);
    frame.render_widget(Paragraph::new(title).style(Modifier::BOLD), head);
    frame.render_widget("arrows: select   q: quit", keys);
    if model.rings.is_empty() {
        let hint = "; one with a name appears here when a process makes it (`create_shared`)";
        let text = nothing(&model.directory) + hint;
        return frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), rings);
    }
    draw_rings(frame, model, rings);
    if let Some(ring) = model.rings.get(model.selected) {
        let block = Block::bordered().title(ring.name.as_str());
        frame.render_widget(Paragraph::new(details(ring)).block(block), more);
    }
}

fn draw_rings(frame: &mut Frame<'_>, model: &Model, area: Rect) {
    let all: Vec<_> = model.rings.iter().map(cells).collect();
    let width = |column: usize| {
        // The reason why a ring is unreadable may run into the columns behind.
        let readable = all.iter().zip(&model.rings).filter(|(_, ring)| column != 1 || ring.live.is_ok());
        let widths = readable.map(|(row, _)| row[column].chars().count());
        Constraint::Length(widths.chain([COLUMNS[column].len()]).max().unwrap_or(0) as u16)
    };
    let rows = all.iter().zip(&model.rings).map(|(row, ring)| {
        let cells = row.iter().enumerate().map(|(column, text)| {
            let text = Text::raw(text.as_str());
            Cell::from(if column < FIRST_NUMBER { text } else { text.right_aligned() })
        });
        Row::new(cells).style(style(ring))
    });
    let head = COLUMNS.iter().enumerate().map(|(column, name)| {
        let text = Text::raw(*name);
        if column < FIRST_NUMBER { text } else { text.right_aligned() }
    });
    let table = Table::new(rows, (0..COLUMNS.len()).map(width))
        .header(Row::new(head).style(Modifier::UNDERLINED))
        .row_highlight_style(Modifier::REVERSED)
        .column_spacing(2);
    let mut state = TableState::default().with_selected(model.selected);
    frame.render_stateful_widget(table, area, &mut state);
}

/// Red for what died, yellow for what is nearly full, grey for what nobody uses.
fn style(ring: &Ring) -> Style {
    let Ok(live) = &ring.live else { return Style::new().fg(Color::DarkGray) };
    let state = &live.state;
    let died = matches!(state.producer, Holder::Gone(_)) && !state.ended || state.fault.is_some();
    if died {
        Style::new().fg(Color::Red)
    } else if !ring.in_use {
        Style::new().fg(Color::DarkGray)
    } else if live.fill.is_some_and(|fill| fill * 10 >= state.capacity * 9) {
        Style::new().fg(Color::Yellow)
    } else {
        Style::new()
    }
}
