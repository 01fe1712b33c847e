//! One plot as SVG: lines over linear or logarithmic axes, and the legend beside them, where it hides nothing.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::prelude::*;

/// How large a plot is, and how much of its width the legend takes.
const SIZE: (u32, u32) = (860, 380);
const LEGEND: u32 = 250;

/// Colours that colour-blind people can tell apart (Okabe and Ito).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(120, 120, 120),
];
const GREY: RGBColor = RGBColor(90, 90, 90);

/// A scale and its label.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What it shows, with the unit.
    pub label: &'static str,
    /// How values become positions.
    pub scale: Scale,
    /// How a value is written.
    pub shown: fn(f64) -> String,
}

/// How values become positions, and which of them are marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Evenly, from 0 on.
    FromZero,
    /// By their logarithm; the values that occur are marked.
    LogOfValues,
    /// By their logarithm; a few round values of each decade are marked.
    LogTimes,
    /// By their logarithm; decades are marked.
    LogDecades,
}

/// A line.
#[derive(Clone, Debug)]
pub struct Line {
    /// The name in the legend.
    pub name: String,
    /// Its points, in order.
    pub points: Vec<Point>,
    /// Whether each point gets a dot.
    pub dots: bool,
}

/// A point of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Where.
    pub x: f64,
    /// How much.
    pub y: f64,
    /// From where to where the value lies, if it is uncertain.
    pub range: Option<(f64, f64)>,
}

/// A plot.
#[derive(Clone, Debug)]
pub struct Plot {
    /// The heading.
    pub title: &'static str,
    /// What to see in it.
    pub note: &'static str,
    /// To the right.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
    /// The lines.
    pub lines: Vec<Line>,
    /// Levels to compare with, dashed.
    pub levels: Vec<(String, f64)>,
}

type DrawError<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

impl Plot {
    /// The plot as an `<svg>` element.
    ///
    /// # Errors
    /// If it cannot be drawn, with the reason in words.
    pub fn svg(&self) -> Result<String, String> {
        let mut text = String::new();
        self.draw(&SVGBackend::with_string(&mut text, SIZE).into_drawing_area())
            .map_err(|error| format!("the plot \"{}\" cannot be drawn: {error}", self.title))?;
        Ok(text)
    }

    fn draw<'a>(&self, area: &Area<'a>) -> Result<(), DrawError<'a>> {
        area.fill(&WHITE)?;
        let (left, right) = area.split_horizontally(SIZE.0 - LEGEND);
        let xs: Vec<f64> = self.points().map(|point| point.x).collect();
        let levels = self.levels.iter().map(|(_, level)| *level);
        let ranges =
            self.points().flat_map(|point| point.range.map_or([point.y; 2], |(low, high)| [low, high]));
        let ys: Vec<f64> = ranges.chain(levels).collect();
        let (x, y) = (self.x.scale, self.y.scale);
        let mut chart = ChartBuilder::on(&left)
            .margin(12)
            .x_label_area_size(46)
            .y_label_area_size(72)
            .build_cartesian_2d(x.axis(&xs), y.axis(&ys))?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.12))
            .x_desc(self.x.label)
            .y_desc(self.y.label)
            .axis_desc_style(("sans-serif", 14))
            .label_style(("sans-serif", 12))
            .x_label_formatter(&|position| (self.x.shown)(x.value(*position)))
            .y_label_formatter(&|position| (self.y.shown)(y.value(*position)))
            .draw()?;
        let at = |point: &Point| (x.position(point.x), y.position(point.y));
        for (index, line) in self.lines.iter().enumerate() {
            let colour = colour(index);
            chart.draw_series(LineSeries::new(line.points.iter().map(at), colour.stroke_width(2)))?;
            let bars = line.points.iter().filter_map(|point| {
                let (low, high) = point.range?;
                let ends = [low, high].map(|value| (x.position(point.x), y.position(value)));
                Some(PathElement::new(ends.to_vec(), colour.mix(0.5).stroke_width(2)))
            });
            chart.draw_series(bars)?;
            if line.dots {
                chart.draw_series(
                    line.points.iter().map(|point| Circle::new(at(point), 3, colour.filled())),
                )?;
            }
        }
        let ends = span(&xs.iter().map(|value| x.position(*value)).collect::<Vec<_>>());
        for (_, level) in &self.levels {
            let ends = [ends.start, ends.end].map(|position| (position, y.position(*level)));
            chart.draw_series(DashedLineSeries::new(ends, 6, 4, GREY.stroke_width(1)))?;
        }
        self.legend(&right)?;
        area.present()
    }

    fn legend<'a>(&self, area: &Area<'a>) -> Result<(), DrawError<'a>> {
        let mut row = 0;
        let mut entry = |name: &str, colour: RGBColor, wide: bool| -> Result<(), DrawError<'a>> {
            let y = 24 + 20 * row;
            row += 1;
            // A dashed line in the plot is a short, thin one here.
            let (to, width) = if wide { (24, 3) } else { (14, 1) };
            area.draw(&PathElement::new(vec![(2, y), (to, y)], colour.stroke_width(width)))?;
            area.draw(&Text::new(name.to_owned(), (30, y - 7), ("sans-serif", 12)))
        };
        for (index, line) in self.lines.iter().enumerate() {
            entry(&line.name, colour(index), true)?;
        }
        self.levels.iter().try_for_each(|(name, _)| entry(name, GREY, false))
    }

    fn points(&self) -> impl Iterator<Item = &Point> {
        self.lines.iter().flat_map(|line| &line.points)
    }
}

fn colour(index: usize) -> RGBColor {
    COLOURS.get(index % COLOURS.len()).copied().unwrap_or(GREY)
}

impl Scale {
    /// The axis over these values, in positions.
    fn axis(self, values: &[f64]) -> Positions {
        let positions: Vec<f64> = values.iter().map(|value| self.position(*value)).collect();
        let span = span(&positions);
        let room = (span.end - span.start) * 0.04;
        let range = match self {
            Self::FromZero => 0.0..span.end.max(0.0) * 1.08 + f64::MIN_POSITIVE,
            _ if room == 0.0 => span.start - 0.5..span.end + 0.5,
            _ => span.start - room..span.end + room,
        };
        let marks = self.marks(values, &range);
        Positions { range, marks }
    }

    /// The positions to mark.
    fn marks(self, values: &[f64], range: &Range<f64>) -> Vec<f64> {
        let decades = range.start.floor() as i32..=range.end.ceil() as i32;
        let all: Vec<f64> = match self {
            Self::FromZero => {
                let step = nice_step(range.end / 6.0);
                (0..=20).map(|count| f64::from(count) * step).collect()
            }
            Self::LogOfValues => {
                let mut marks: Vec<f64> = values.iter().map(|value| self.position(*value)).collect();
                marks.sort_by(f64::total_cmp);
                marks.dedup();
                marks
            }
            Self::LogTimes => decades
                .flat_map(|decade| {
                    [1.0, 1.5, 2.0, 3.0, 5.0, 7.0].map(|digit| f64::log10(digit) + f64::from(decade))
                })
                .collect(),
            Self::LogDecades => decades.map(f64::from).collect(),
        };
        all.into_iter().filter(|mark| range.start <= *mark && *mark <= range.end).collect()
    }

    fn position(self, value: f64) -> f64 {
        match self {
            Self::FromZero => value,
            // Nothing that is shown this way is 0 or less.
            _ => value.max(1e-12).log10(),
        }
    }

    fn value(self, position: f64) -> f64 {
        match self {
            Self::FromZero => position,
            _ => 10_f64.powf(position),
        }
    }
}

/// Positions along an axis, the ones to mark among them.
struct Positions {
    range: Range<f64>,
    marks: Vec<f64>,
}

impl Ranged for Positions {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, position: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (position - self.range.start) / (self.range.end - self.range.start);
        from + (share * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.marks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

/// From the least to the greatest.
fn span(values: &[f64]) -> Range<f64> {
    let least = values.iter().copied().reduce(f64::min).unwrap_or(0.0);
    let greatest = values.iter().copied().reduce(f64::max).unwrap_or(1.0);
    least..greatest
}

/// 1, 2 or 5 times a power of ten, near the step that would be exact.
fn nice_step(exact: f64) -> f64 {
    let power = 10_f64.powf(exact.max(1e-12).log10().floor());
    let digit = match exact / power {
        digit if digit < 1.5 => 1.0,
        digit if digit < 3.5 => 2.0,
        digit if digit < 7.5 => 5.0,
        _ => 10.0,
    };
    digit * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_undone() {
        for scale in [Scale::FromZero, Scale::LogOfValues, Scale::LogTimes, Scale::LogDecades] {
            for value in [0.0001, 1.0, 4096.0] {
                assert!((scale.value(scale.position(value)) / value - 1.0).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn marks_are_round_and_inside() {
        let marks = |scale: Scale, values: &[f64], range: Range<f64>| -> Vec<f64> {
            scale.marks(values, &range).into_iter().map(|mark| scale.value(mark)).collect()
        };
        assert_eq!(marks(Scale::FromZero, &[], 0.0..108.0), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        let few = marks(Scale::LogOfValues, &[8.0, 1.0, 8.0], -1.0..1.0);
        assert!(few.len() == 2 && (few[1] - 8.0).abs() < 1e-9, "{few:?}");
        let times = marks(Scale::LogTimes, &[], 0.1..1.1);
        let times: Vec<f64> = times.iter().map(|time| (time * 10.0).round() / 10.0).collect();
        assert_eq!(times, [1.5, 2.0, 3.0, 5.0, 7.0, 10.0]);
        assert_eq!(marks(Scale::LogDecades, &[], -2.5..0.1).len(), 3);
    }

    #[test]
    fn odd_data_is_drawn_all_the_same() {
        let axis = |scale| Axis { label: "a (b)", scale, shown: |value| format!("{value:.1}") };
        for scale in [Scale::FromZero, Scale::LogOfValues, Scale::LogTimes, Scale::LogDecades] {
            for ys in [vec![], vec![0.0], vec![5.0], vec![1.0, 1.0], vec![1e-9, 1e12]] {
                let points = ys.iter().map(|y| Point { x: *y, y: *y, range: Some((*y, *y)) }).collect();
                let lines = vec![Line { name: "<&>".to_owned(), points, dots: true }];
                let (x, y) = (axis(scale), axis(scale));
                let plot = Plot { title: "t", note: "", x, y, lines, levels: vec![("l".to_owned(), 3.0)] };
                let svg = plot.svg().unwrap();
                assert!(svg.starts_with("<svg") && svg.contains("&lt;&amp;&gt;") && svg.contains("a (b)"));
            }
        }
    }
}
