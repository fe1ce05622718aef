//! A command's output on standard output.

use std::io::{self, Write};

/// Prints a line. A closed pipe (`cargo dev | head`) is ignored; `println!`
/// would panic.
pub(crate) fn print(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Prints rows with aligned columns. Figures are aligned to the right.
pub(crate) fn table<const N: usize>(lines: &[[String; N]], is_figure: impl Fn(usize) -> bool) {
    let width = |column: usize| {
        let widths = lines.iter().map(|line| line[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    for line in lines {
        let cells = line.iter().enumerate().map(|(column, cell)| {
            let width = widths[column];
            match is_figure(column) {
                true => format!("{cell:>width$}"),
                false => format!("{cell:<width$}"),
            }
        });
        print(cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}
