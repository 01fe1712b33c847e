//! The terminal: draws, and obeys keys.

use std::time::{Duration, Instant};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::model::Model;
use super::view::draw;
use crate::error::Error;
use crate::rings::Places;
use crate::stop::Stop;

/// How long a request to terminate may wait.
const PATIENCE: Duration = Duration::from_millis(100);

/// Watches until the user has seen enough. The terminal is put back in order however this ends, by a panic too.
pub(super) fn run(places: &Places, model: &mut Model, interval: Duration) -> Result<(), Error> {
    let stop = Stop::on_ctrl_c()?;
    let mut terminal = ratatui::try_init().map_err(Error::Terminal)?;
    let outcome = watch(&mut terminal, places, model, interval, &stop);
    ratatui::restore();
    outcome
}

fn watch(
    terminal: &mut DefaultTerminal,
    places: &Places,
    model: &mut Model,
    interval: Duration,
    stop: &Stop,
) -> Result<(), Error> {
    let mut next = Instant::now();
    while !stop.is_set() {
        let now = Instant::now();
        if now >= next {
            model.update(places.list()?, now);
            next = now + interval;
        }
        terminal.draw(|frame| draw(frame, model, interval)).map_err(Error::Terminal)?;
        while event::poll(PATIENCE.min(next.saturating_duration_since(Instant::now())))
            .map_err(Error::Terminal)?
        {
            let is_over = match event::read().map_err(Error::Terminal)? {
                Event::Key(key) if key.kind != KeyEventKind::Release => obey(model, key),
                _ => false,
            };
            if is_over {
                return Ok(());
            }
            terminal.draw(|frame| draw(frame, model, interval)).map_err(Error::Terminal)?;
        }
    }
    Ok(())
}

/// Does what a key says; whether it says that this is enough.
fn obey(model: &mut Model, key: KeyEvent) -> bool {
    match key.code {
        KeyCode::Char('c') => return key.modifiers.contains(KeyModifiers::CONTROL),
        KeyCode::Char('q') | KeyCode::Esc => return true,
        KeyCode::Up | KeyCode::Char('k') => model.select(-1),
        KeyCode::Down | KeyCode::Char('j') => model.select(1),
        KeyCode::PageUp => model.select(-10),
        KeyCode::PageDown => model.select(10),
        KeyCode::Home => model.select(isize::MIN),
        KeyCode::End => model.select(isize::MAX),
        _ => {}
    }
    false
}
