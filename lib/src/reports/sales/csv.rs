//! The sales report as CSV files.

use super::stripe::StripeParts;
use super::table::Table;
use super::view::SalesReport;
use crate::error::Result;
use crate::values::csv::{Cell, CsvFile};

impl SalesReport {
    /// Creates a CSV file with one table.
    pub(super) fn to_csv_file(&self, table: Table) -> Result<CsvFile> {
        let rows = match table {
            Table::Periods => self.period_rows(),
            Table::Products => self.product_rows(),
            Table::Tenders => self.tender_rows(),
            Table::Taxes => self.tax_rows(),
            Table::PromoCodes => self.promo_code_rows(),
            Table::GiftCards => self.gift_card_rows(),
            Table::Credit => self.credit_rows(),
            Table::Open => self.open_rows(),
            Table::Passes => self.pass_rows(),
            Table::Memberships => self.membership_rows(),
            Table::Stripe => self.stripe_rows(),
            Table::Payouts => self.payout_rows(),
            Table::UnmatchedEntries => self.unmatched_rows(),
        };
        let part = table.file_name_part();
        let name = format!("sabor-sales-{part}-{}-{}.csv", self.from, self.to);
        CsvFile::new(name, rows)
    }

    /// Returns the rows under a header. The last `amounts` labels get the currency.
    fn with_header(
        &self,
        labels: &[&str],
        amounts: usize,
        rows: impl Iterator<Item = Vec<Cell>>,
    ) -> Vec<Vec<Cell>> {
        let counts = labels.len() - amounts;
        let header = labels.iter().enumerate().map(|(index, label)| {
            Cell::Text(match index < counts {
                true => (*label).to_owned(),
                false => format!("{label} {}", self.currency),
            })
        });
        std::iter::once(header.collect()).chain(rows).collect()
    }

    fn period_rows(&self) -> Vec<Vec<Cell>> {
        let labels = [
            "Start", "Payments", "Refunds", "Received", "Refunded", "Net", "Tax",
        ];
        let rows = self.periods.iter().map(|period| {
            let mut cells = vec![
                Cell::Number(period.start.to_string()),
                Cell::count(period.payments),
                Cell::count(period.refunds),
            ];
            cells.extend(amounts([
                &period.received,
                &period.refunded,
                &period.net,
                &period.tax,
            ]));
            cells
        });
        self.with_header(&labels, 4, rows)
    }

    fn product_rows(&self) -> Vec<Vec<Cell>> {
        let labels = [
            "Kind",
            "Name",
            "Sold",
            "Discount",
            "Amount",
            "Paid by gift card",
            "Paid by credit",
            "Refunded",
            "Refunded to gift card",
            "Refunded to credit",
            "Net",
        ];
        let rows = self.products.iter().map(|sold| {
            let mut cells = vec![
                Cell::Text(sold.kind.as_str().to_owned()),
                sold.name.clone().map_or(Cell::Empty, Cell::Text),
                Cell::count(sold.count),
            ];
            cells.extend(amounts([
                &sold.discount,
                &sold.amount,
                &sold.paid_by_gift_card,
                &sold.paid_by_credit,
                &sold.refunded,
                &sold.refunded_to_gift_card,
                &sold.refunded_to_credit,
                &sold.net,
            ]));
            cells
        });
        self.with_header(&labels, 8, rows)
    }

    fn tender_rows(&self) -> Vec<Vec<Cell>> {
        let labels = [
            "Tender", "Payments", "Refunds", "Received", "Refunded", "Net",
        ];
        let rows = self.tenders.iter().map(|sums| {
            let mut cells = vec![
                Cell::Text(sums.tender.as_str().to_owned()),
                Cell::count(sums.payments),
                Cell::count(sums.refunds),
            ];
            cells.extend(amounts([&sums.received, &sums.refunded, &sums.net]));
            cells
        });
        self.with_header(&labels, 3, rows)
    }

    fn tax_rows(&self) -> Vec<Vec<Cell>> {
        let labels = [
            "Rate",
            "Amount",
            "Tax",
            "Refunded",
            "Refunded tax",
            "Net tax",
        ];
        let rows = self.taxes.iter().map(|tax| {
            let mut cells = vec![Cell::Number(tax.rate.clone())];
            cells.extend(amounts([
                &tax.amount,
                &tax.tax,
                &tax.refunded,
                &tax.refunded_tax,
                &tax.net_tax,
            ]));
            cells
        });
        self.with_header(&labels, 5, rows)
    }

    fn promo_code_rows(&self) -> Vec<Vec<Cell>> {
        let labels = ["Code", "Orders", "Discount", "Amount"];
        let rows = self.promo_codes.iter().map(|sales| {
            let mut cells = vec![Cell::Text(sales.code.clone()), Cell::count(sales.orders)];
            cells.extend(amounts([&sales.discount, &sales.amount]));
            cells
        });
        self.with_header(&labels, 2, rows)
    }

    /// Returns one row.
    fn gift_card_rows(&self) -> Vec<Vec<Cell>> {
        let labels = [
            "Sold",
            "With a balance",
            "Amount",
            "Redeemed",
            "Refunded to gift cards",
            "Balance",
            "In unpaid orders",
        ];
        let cards = &self.gift_cards;
        let mut cells = vec![Cell::count(cards.sold), Cell::count(cards.count)];
        cells.extend(amounts([
            &cards.amount,
            &cards.redeemed,
            &cards.refunded,
            &cards.balance,
            &cards.held,
        ]));
        self.with_header(&labels, 5, std::iter::once(cells))
    }

    /// Returns one row.
    fn credit_rows(&self) -> Vec<Vec<Cell>> {
        let labels = [
            "Members with credit",
            "Added by staff",
            "Deducted by staff",
            "Redeemed",
            "Refunded to credit",
            "Forfeited by closed accounts",
            "Balance",
            "In unpaid orders",
        ];
        let credit = &self.credit;
        let mut cells = vec![Cell::count(credit.count)];
        cells.extend(amounts([
            &credit.added,
            &credit.deducted,
            &credit.redeemed,
            &credit.refunded,
            &credit.forfeited,
            &credit.balance,
            &credit.held,
        ]));
        self.with_header(&labels, 7, std::iter::once(cells))
    }

    fn open_rows(&self) -> Vec<Vec<Cell>> {
        let rows = self.open.iter().map(|open| {
            let mut cells = vec![
                Cell::Text(open.kind.as_str().to_owned()),
                Cell::count(open.count),
            ];
            cells.extend(amounts([&open.amount]));
            cells
        });
        self.with_header(&["Kind", "Count", "Amount"], 1, rows)
    }

    fn pass_rows(&self) -> Vec<Vec<Cell>> {
        let labels = ["Product", "Passes", "Unlimited", "Classes left", "Value"];
        let rows = self.passes.iter().map(|passes| {
            let mut cells = vec![
                Cell::Text(passes.name.clone()),
                Cell::count(passes.count),
                Cell::count(passes.unlimited),
                Cell::count(passes.credits_left),
            ];
            cells.extend(amounts([&passes.value]));
            cells
        });
        self.with_header(&labels, 1, rows)
    }

    fn membership_rows(&self) -> Vec<Vec<Cell>> {
        let labels = [
            "Product",
            "New",
            "Ended",
            "Active",
            "Active, will end",
            "Paused",
            "Monthly revenue",
        ];
        let rows = self.memberships.iter().map(|sums| {
            let counts = [sums.new, sums.lost, sums.active, sums.ending, sums.paused];
            std::iter::once(Cell::Text(sums.name.clone()))
                .chain(counts.map(Cell::count))
                .chain(amounts([&sums.monthly_revenue]))
                .collect()
        });
        self.with_header(&labels, 1, rows)
    }

    /// Returns one row, or none if Stripe was never asked.
    fn stripe_rows(&self) -> Vec<Vec<Cell>> {
        let labels = [
            "Charges", "Refunds", "Disputes", "Other", "Fees", "Net", "Paid out",
        ];
        let row = self.stripe.as_ref().map(|stripe| {
            let mut cells = Vec::from(part_cells(&stripe.parts));
            cells.extend(amounts([&stripe.net, &stripe.paid_out]));
            cells
        });
        self.with_header(&labels, labels.len(), row.into_iter())
    }

    /// The cells of a payout are empty if it is not known what it consists of.
    fn payout_rows(&self) -> Vec<Vec<Cell>> {
        let labels = [
            "Id", "Arrives", "Failed", "Charges", "Refunds", "Disputes", "Other", "Fees", "Amount",
        ];
        let payouts = self.stripe.iter().flat_map(|stripe| &stripe.payouts);
        let rows = payouts.map(|payout| {
            let mut cells = vec![
                Cell::Text(payout.id.clone()),
                Cell::Number(payout.arrives_on.to_string()),
                Cell::Text(if payout.has_failed { "yes" } else { "no" }.to_owned()),
            ];
            let parts = payout.parts.as_ref();
            cells.extend(parts.map_or([const { Cell::Empty }; 5], part_cells));
            cells.extend(amounts([&payout.amount]));
            cells
        });
        self.with_header(&labels, 6, rows)
    }

    fn unmatched_rows(&self) -> Vec<Vec<Cell>> {
        let labels = ["Id", "Day", "Type", "Source", "Amount", "Fee", "Net"];
        let entries = self.stripe.iter().flat_map(|stripe| &stripe.unmatched);
        let rows = entries.map(|entry| {
            let mut cells = vec![
                Cell::Text(entry.id.clone()),
                Cell::Number(entry.day.to_string()),
                Cell::Text(entry.stripe_type.clone()),
                entry.source.clone().map_or(Cell::Empty, Cell::Text),
            ];
            cells.extend(amounts([&entry.amount, &entry.fee, &entry.net]));
            cells
        });
        self.with_header(&labels, 3, rows)
    }
}

fn part_cells(parts: &StripeParts) -> [Cell; 5] {
    amounts([
        &parts.charges,
        &parts.refunds,
        &parts.disputes,
        &parts.other,
        &parts.fees,
    ])
}

fn amounts<const N: usize>(amounts: [&String; N]) -> [Cell; N] {
    amounts.map(|amount| Cell::Number(amount.clone()))
}
