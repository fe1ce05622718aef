//! A command's output on standard output.

use std::io::{self, IsTerminal, Write};

use anyhow::{Result, bail};
use sabor_testing::progress::status;

/// Prints a line. A closed pipe (`cargo dev | head`) is ignored; `println!`
/// would panic.
pub(crate) fn print(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Asks a person to confirm, by typing `yes`. Fails if they do not, or if standard input
/// is not a terminal, so that no script confirms by accident.
pub(crate) fn confirm(question: &str) -> Result<()> {
    if !io::stdin().is_terminal() {
        bail!("{question} Standard input is not a terminal: confirm with --yes");
    }
    status(&format!("{question} Type yes to continue:"));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    match answer.trim() {
        "yes" => Ok(()),
        _ => bail!("not confirmed; nothing was changed"),
    }
}

/// Prints a table.
pub(crate) fn print_table(
    header: &[&str],
    rows: &[Vec<String>],
    is_right_aligned: impl Fn(usize) -> bool,
) {
    for line in format_table(header, rows, is_right_aligned) {
        print(&line);
    }
}

/// Returns the lines of a table with aligned columns.
pub(crate) fn format_table(
    header: &[&str],
    rows: &[Vec<String>],
    is_right_aligned: impl Fn(usize) -> bool,
) -> Vec<String> {
    let header = header.iter().map(|cell| (*cell).to_owned()).collect();
    let lines: Vec<&Vec<String>> = std::iter::once(&header).chain(rows).collect();
    let width = |column: usize| {
        let widths = lines.iter().map(|line| line[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let format_line = |line: &&Vec<String>| {
        let cells = line.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, width))| match is_right_aligned(column) {
            true => format!("{cell:>width$}"),
            false => format!("{cell:<width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(format_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_left_aligned_and_numbers_are_right_aligned() {
        let rows = [["salsa", "5"], ["cha-cha-chá", "120"]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        let lines = format_table(&["class", "spots"], &rows, |column| column == 1);
        assert_eq!(
            lines,
            [
                "class        spots",
                "salsa            5",
                "cha-cha-chá    120",
            ]
        );
    }
}
