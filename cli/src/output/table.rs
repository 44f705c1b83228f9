//! Tables that fit the terminal: what matters least goes first, and what is copied and pasted is never broken.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, presets};

use super::style::{BOLD, styled};

/// What stands at the top of a column, and what becomes of it where there is too little room.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub title: &'static str,
    pub is_number: bool,
    pub keep: Keep,
}

/// What becomes of a column where there is too little room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It stays as it is.
    Whole,
    /// It stays; long ones become several lines.
    Wrapped,
    /// It goes before those with a lower number.
    Until(u8),
}

/// A text column.
pub const fn text(title: &'static str, keep: Keep) -> Column {
    Column { title, is_number: false, keep }
}

/// A column of numbers, aligned at their ends.
pub const fn number(title: &'static str, keep: Keep) -> Column {
    Column { title, is_number: true, keep }
}

/// The table's lines. `width`: the columns of the terminal; `None`: as many as are wanted.
pub fn render(columns: &[Column], rows: &[Vec<String>], width: Option<usize>) -> String {
    let mut shown: Vec<usize> = (0..columns.len()).filter(|at| is_worth(*at, rows)).collect();
    let whole = |shown: &[usize]| laid_out(columns, rows, shown, None);
    let mut lines = whole(&shown);
    if let Some(width) = width {
        while longest(&lines) > width {
            let Some(least) = least(columns, &shown) else {
                lines = laid_out(columns, rows, &shown, Some(width));
                break;
            };
            shown.remove(least);
            lines = whole(&shown);
        }
    }
    let mut text = String::new();
    for (at, line) in lines.iter().enumerate() {
        let line = line.trim_end();
        text += &if at == 0 { styled(BOLD, line) } else { line.to_string() };
        text.push('\n');
    }
    text
}

/// A column in which nothing stands needs no room.
fn is_worth(column: usize, rows: &[Vec<String>]) -> bool {
    rows.is_empty() || rows.iter().any(|row| !row[column].is_empty())
}

/// The place of the column that goes first.
fn least(columns: &[Column], shown: &[usize]) -> Option<usize> {
    let number = |at: &usize| match columns[shown[*at]].keep {
        Keep::Until(number) => Some((number, *at)),
        _ => None,
    };
    (0..shown.len()).filter_map(|at| number(&at)).max().map(|(_, at)| at)
}

fn laid_out(columns: &[Column], rows: &[Vec<String>], shown: &[usize], width: Option<usize>) -> Vec<String> {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::NOTHING);
    let arrangement =
        if width.is_some() { ContentArrangement::Dynamic } else { ContentArrangement::Disabled };
    table.set_content_arrangement(arrangement);
    table.set_header(shown.iter().map(|at| columns[*at].title));
    for row in rows {
        table.add_row(shown.iter().map(|at| row[*at].as_str()));
    }
    if let Some(width) = width {
        table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    }
    for (place, at) in shown.iter().enumerate() {
        let Some(column) = table.column_mut(place) else { continue };
        column.set_padding((0, if place + 1 == shown.len() { 0 } else { 2 }));
        if columns[*at].is_number {
            column.set_cell_alignment(CellAlignment::Right);
        }
        if columns[*at].keep == Keep::Whole {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table.lines().collect()
}

fn longest(lines: &[String]) -> usize {
    lines.iter().map(|line| line.trim_end().chars().count()).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[
        text("ID", Keep::Whole),
        number("SIZE", Keep::Until(1)),
        number("FILES", Keep::Until(2)),
        text("STATE", Keep::Wrapped),
    ];

    fn lines(width: Option<usize>) -> Vec<String> {
        let row = ["0123456789abcdef", "1.50 GiB", "1,000", "a long tale of what is wrong with it"];
        let rows = [row.map(String::from).to_vec()];
        let text = anstream::adapter::strip_str(&render(COLUMNS, &rows, width)).to_string();
        text.lines().map(String::from).collect()
    }

    #[test]
    fn where_there_is_room_everything_is_on_one_line() {
        let all = lines(None);
        assert_eq!(all.len(), 2);
        assert!(all[1].contains("1,000") && all[1].ends_with("wrong with it"), "{all:?}");
        assert_eq!(lines(Some(200)), all);
    }

    #[test]
    fn what_matters_least_goes_first_and_what_stays_wraps() {
        let fewer = lines(Some(66));
        assert!(!fewer[0].contains("FILES") && fewer[0].contains("SIZE"), "{fewer:?}");
        let narrow = lines(Some(40));
        assert!(!narrow[0].contains("SIZE") && narrow.len() > 2, "{narrow:?}");
        assert!(narrow.iter().all(|line| line.chars().count() <= 40), "{narrow:?}");
    }

    #[test]
    fn what_is_copied_and_pasted_is_never_broken() {
        for width in 1..80 {
            assert!(lines(Some(width)).iter().any(|line| line.contains("0123456789abcdef")), "{width}");
        }
    }

    #[test]
    fn a_column_in_which_nothing_stands_is_left_out() {
        let rows = [["a", "", "", "fine"].map(String::from).to_vec()];
        assert!(!render(COLUMNS, &rows, None).contains("SIZE"));
    }
}
