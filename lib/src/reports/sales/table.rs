//! The tables of the sales report, which are CSV files.

use utoipa::ToSchema;

use crate::values::form::Problem;

/// A table of the report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ToSchema)]
#[schema(as = SalesTable, rename_all = "snake_case")]
pub(super) enum Table {
    /// A row for each day or month.
    #[default]
    Periods,
    /// A row for each product, each class type, and each kind of fee.
    Products,
    /// A row for each way in which money moved.
    Tenders,
    /// A row for each rate of tax.
    Taxes,
    /// A row for each promo code.
    PromoCodes,
    /// The figures of gift cards.
    GiftCards,
    /// The figures of members' credit.
    Credit,
    /// What members owe, and the refunds and disputes that are open.
    Open,
    /// A row for each product with passes that can still be used.
    Passes,
    /// A row for each product with memberships.
    Memberships,
    /// The sums of the balance at Stripe.
    Stripe,
    /// A row for each payout of Stripe.
    Payouts,
    /// A row for each entry at Stripe that matches nothing here.
    UnmatchedEntries,
}

/// Each table with its name in the query and its part of the file name.
const TABLES: [(Table, &str, &str); 13] = [
    (Table::Periods, "periods", "periods"),
    (Table::Products, "products", "products"),
    (Table::Tenders, "tenders", "tenders"),
    (Table::Taxes, "taxes", "taxes"),
    (Table::PromoCodes, "promo_codes", "promo-codes"),
    (Table::GiftCards, "gift_cards", "gift-cards"),
    (Table::Credit, "credit", "credit"),
    (Table::Open, "open", "open"),
    (Table::Passes, "passes", "passes"),
    (Table::Memberships, "memberships", "memberships"),
    (Table::Stripe, "stripe", "stripe"),
    (Table::Payouts, "payouts", "payouts"),
    (
        Table::UnmatchedEntries,
        "unmatched_entries",
        "unmatched-entries",
    ),
];

impl Table {
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let found = TABLES.iter().find(|(_, name, _)| *name == text);
        found.map(|(table, ..)| *table).ok_or_else(|| {
            let names: Vec<_> = TABLES.iter().map(|(_, name, _)| *name).collect();
            format!("must be one of: {}", names.join(", "))
        })
    }

    /// Returns the part of the file name that tells the tables apart.
    pub(super) fn file_name_part(self) -> &'static str {
        let found = TABLES.iter().find(|(table, ..)| *table == self);
        found.map_or("periods", |(.., part)| part)
    }
}
