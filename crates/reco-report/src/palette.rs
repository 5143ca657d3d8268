//! Defines the colours of a report in its light and its dark theme.
//!
//! Does not know what is drawn with them. A figure is drawn in the light colours, as plain attributes, so that any
//! viewer shows it; in the dark theme, style sheets then give every such attribute its dark colour.
//!
//! **Invariant**: light colours are distinct, so that a colour tells its role; text is readable on the surface in both
//! themes (WCAG 2.2, 1.4.3: a contrast of 4.5), and marks are told from it (1.4.11: 3).

use std::fmt::Write as _;

/// A colour with a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colour {
    /// Its CSS variable, without the dashes.
    pub(crate) role: &'static str,
    /// Its colour in the light theme, in which figures are drawn.
    pub(crate) light: &'static str,
    /// Its colour in the dark theme.
    pub(crate) dark: &'static str,
}

const fn colour(role: &'static str, light: &'static str, dark: &'static str) -> Colour {
    Colour { role, light, dark }
}

/// The background of everything.
pub(crate) const SURFACE: Colour = colour("surface", "#ffffff", "#15181c");
/// Boxes and heads of tables.
pub(crate) const RAISED: Colour = colour("raised", "#f3f5f8", "#1f242a");
/// Text that is read first.
pub(crate) const INK: Colour = colour("ink", "#1b1f24", "#e6e9ed");
/// Labels, ticks, captions.
pub(crate) const SOFT: Colour = colour("soft", "#555d68", "#a7b0bb");
/// Lines of a grid or a table.
pub(crate) const GRID: Colour = colour("grid", "#dfe3e8", "#323941");
/// Axes, edges and whatever is not the point.
pub(crate) const AXIS: Colour = colour("axis", "#818a95", "#78828e");
/// Links and what is best.
pub(crate) const ACCENT: Colour = colour("accent", "#1f62b4", "#78b0f4");
/// What is told apart from the accent.
pub(crate) const SECOND: Colour = colour("second", "#b3560c", "#f0a05a");
/// What a reader's eye should find in a table.
pub(crate) const HIT: Colour = colour("hit", "#d9f0e1", "#1c4530");

/// From nothing to much.
pub(crate) const HEAT: [Colour; 6] = [
    colour("heat0", "#eef2f6", "#20262d"),
    colour("heat1", "#c9def4", "#223f5f"),
    colour("heat2", "#95bfe9", "#2b5d92"),
    colour("heat3", "#5a9ad9", "#3f83c8"),
    colour("heat4", "#2b6fb9", "#79b1ec"),
    colour("heat5", "#123f78", "#c4e0fd"),
];

/// Lines and dots that are told apart, in a fixed order.
pub(crate) const SERIES: [Colour; 8] = [
    colour("series0", "#0072b2", "#56a5e0"),
    colour("series1", "#c04f00", "#f08a4b"),
    colour("series2", "#00805c", "#35c19a"),
    colour("series3", "#a83f86", "#e08cc4"),
    colour("series4", "#6a5acd", "#a99df2"),
    colour("series5", "#8a6d00", "#d8b93c"),
    colour("series6", "#00838f", "#4fc6d3"),
    colour("series7", "#b3261e", "#f28b82"),
];

const PLAIN: [Colour; 9] = [SURFACE, RAISED, INK, SOFT, GRID, AXIS, ACCENT, SECOND, HIT];

fn all() -> impl Iterator<Item = Colour> {
    PLAIN.into_iter().chain(HEAT).chain(SERIES)
}

/// The rules for the page around figures: variables of both themes, and rules that turn a figure's attributes into
/// them. A theme chosen on the page, `data-theme` on its root, goes before the reader's; print is light.
pub(crate) fn page_css() -> String {
    let variables = |pick: fn(Colour) -> &'static str| {
        all().map(|colour| format!("--{}:{};", colour.role, pick(colour))).collect::<String>()
    };
    let (light, dark) = (variables(|colour| colour.light), variables(|colour| colour.dark));
    let mut css = format!(":root{{color-scheme:light;{light}}}\n");
    let _ = writeln!(
        css,
        "@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}"
    );
    let _ = writeln!(css, "@media screen{{:root[data-theme=dark]{{color-scheme:dark;{dark}}}}}");
    for Colour { role, light, .. } in all() {
        let _ = writeln!(
            css,
            "svg [fill=\"{light}\"]{{fill:var(--{role})}}svg [stroke=\"{light}\"]{{stroke:var(--{role})}}"
        );
    }
    css
}

/// The rules of a figure that stands alone.
pub(crate) fn alone_css() -> String {
    let rules = all().map(|Colour { light, dark, .. }| {
        format!("[fill=\"{light}\"]{{fill:{dark}}}[stroke=\"{light}\"]{{stroke:{dark}}}")
    });
    format!("@media (prefers-color-scheme:dark){{{}}}", rules.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG 2.2: relative luminance.
    fn luminance(hex: &str) -> f64 {
        let channel = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let (r, g, b) = (channel(1), channel(3), channel(5));
        let linear = |channel: u8| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_and_marks_are_readable_in_both_themes() {
        for (front, back, least) in [
            (INK, SURFACE, 4.5),
            (INK, RAISED, 4.5),
            (INK, HIT, 4.5),
            (SOFT, SURFACE, 4.5),
            (SOFT, RAISED, 4.5),
            (SOFT, HIT, 4.5),
            (ACCENT, SURFACE, 4.5),
            (ACCENT, RAISED, 4.5),
            (SECOND, SURFACE, 4.5),
            (AXIS, SURFACE, 3.0),
        ]
        .into_iter()
        .chain(SERIES.map(|series| (series, SURFACE, 4.5)))
        {
            for (theme, front_hex, back_hex) in [("light", front.light, back.light), ("dark", front.dark, back.dark)] {
                let found = contrast(front_hex, back_hex);
                assert!(found >= least, "{} on {} in {theme}: {found:.2}", front.role, back.role);
            }
        }
    }

    #[test]
    fn heat_goes_one_way_in_both_themes() {
        let luminances = |pick: fn(Colour) -> &'static str| HEAT.map(|heat| luminance(pick(heat)));
        assert!(luminances(|heat| heat.light).windows(2).all(|pair| pair[0] > pair[1]));
        assert!(luminances(|heat| heat.dark).windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_light_colour_tells_its_role() {
        let lights: Vec<&str> = all().map(|colour| colour.light).collect();
        for (at, light) in lights.iter().enumerate() {
            assert!(!lights[..at].contains(light), "{light} has two roles");
        }
    }
}
