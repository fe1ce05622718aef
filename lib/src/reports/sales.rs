//! The sales report: what came in, what was sold, and what is open.

mod csv;
mod range;
mod stripe;
mod table;
mod view;

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use serde::Deserialize;
use utoipa::IntoParams;

use self::range::{PeriodLength, Range};
use self::stripe::BalanceFigures;
use self::table::Table;
use self::view::Figures;
pub use self::view::SalesReport;
use crate::error::{Error, Result};
use crate::http::query;
use crate::models::report::daily_sums::begin_snapshot;
use crate::models::report::sales::Scope;
use crate::models::report::sales::{given, memberships, money, open, products, provider, taxes};
use crate::reports::response::{ReportFormat, ReportResponse, read_table};
use crate::store::client::Client;
use crate::values::form::{Form, Problem};
use crate::values::time_zone::TimeZone;
use crate::{App, BoxFuture};

/// The maximum length of a range, in days.
const DAYS_MAX: i64 = 3 * 366;

/// The longest range that has days as periods by default.
const DAYS_BY_DAY: i64 = 92;

/// The query of the sales report.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SalesQuery {
    /// The first day, in the studio's time zone. By default, the first day of the month of `to`.
    #[param(value_type = Option<NaiveDate>)]
    from: Option<String>,
    /// The last day. By default, today. The range has at most three years.
    #[param(value_type = Option<NaiveDate>)]
    to: Option<String>,
    /// The length of a period. By default, `day` in a range of up to 92 days, and `month` in a
    /// longer one.
    #[param(inline, value_type = Option<PeriodLength>)]
    period: Option<String>,
    /// The ISO 4217 code of the currency. By default, the studio's currency.
    #[param(pattern = "^[A-Z]{3}$", example = "USD")]
    currency: Option<String>,
    /// The format of the response; `json` by default.
    #[param(inline, value_type = Option<ReportFormat>)]
    format: Option<String>,
    /// The table of a CSV file; `periods` by default. Requires `format=csv`.
    #[param(inline, value_type = Option<Table>)]
    table: Option<String>,
}

/// A parsed [`SalesQuery`].
#[derive(Clone, Debug)]
struct ParsedQuery {
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
    period: Option<PeriodLength>,
    currency: Option<String>,
    /// `None` for JSON.
    table: Option<Table>,
}

impl ParsedQuery {
    fn parse(query: &SalesQuery) -> Result<Self> {
        let mut form = Form::default();
        Ok(Self {
            from: form.check_filled("from", query.from.as_deref(), query::date),
            to: form.check_filled("to", query.to.as_deref(), query::date),
            period: form.check_filled("period", query.period.as_deref(), PeriodLength::parse),
            currency: form.check_filled("currency", query.currency.as_deref(), currency),
            table: read_table(
                form,
                query.format.as_deref(),
                query.table.as_deref(),
                Table::parse,
            )?,
        })
    }

    /// Returns the days and the length of the periods, with the defaults filled in.
    fn range(&self, today: NaiveDate) -> Result<Range> {
        let to = self.to.unwrap_or(today);
        let from = self.from.unwrap_or(to - Days::new(to.day0().into()));
        if from > to {
            return Err(Error::field("to", "must not be before from"));
        }
        let days = (to - from).num_days() + 1;
        if days > DAYS_MAX {
            let problem = format!("must be less than {DAYS_MAX} days before to");
            return Err(Error::field("from", problem));
        }
        let default = match days <= DAYS_BY_DAY {
            true => PeriodLength::Day,
            false => PeriodLength::Month,
        };
        Ok(Range {
            from,
            to,
            length: self.period.unwrap_or(default),
        })
    }
}

fn currency(text: &str) -> Result<String, Problem> {
    match text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        true => Ok(text.to_owned()),
        false => Err("must be a currency such as USD".to_owned()),
    }
}

/// Computes the report. All statements see the database as of the same time.
///
/// # Errors
///
/// Fails with [`Error::Invalid`] when a parameter is malformed, or when the range is too long or
/// ends before it starts.
pub fn show(app: &App, query: SalesQuery) -> BoxFuture<'_, Result<ReportResponse<SalesReport>>> {
    Box::pin(async move {
        let query = ParsedQuery::parse(&query)?;
        let report = load(app, &query).await?;
        match query.table {
            None => Ok(ReportResponse::Json(Box::new(report))),
            Some(table) => report.to_csv_file(table).map(ReportResponse::Csv),
        }
    })
}

async fn load(app: &App, query: &ParsedQuery) -> Result<SalesReport> {
    let studio = &app.config().studio;
    let zone = TimeZone::of_studio(studio)?;
    let now = app.clock().now();
    let today = zone.date(now);
    let range = query.range(today)?;
    let currency = query.currency.as_ref().unwrap_or(&studio.currency);
    let scope = range.scope(&zone, currency.clone());
    let scope = &scope;
    let read = app.transaction().run(async |tx| {
        begin_snapshot(tx).await?;
        let (money, lost_disputes, orders, bookings, promo_codes) = tokio::try_join!(
            money::list(tx, scope),
            money::sum_lost_disputes(tx, scope),
            products::list_of_orders(tx, scope),
            products::list_of_bookings(tx, scope),
            products::list_promo_codes(tx, scope),
        )?;
        let (taxes, gift_cards, credit, open, passes, memberships, given) = tokio::try_join!(
            taxes::list(tx, scope),
            open::sum_gift_cards(tx, scope),
            open::sum_credit(tx, scope),
            open::list(tx, scope, now),
            open::list_passes(tx, scope, today),
            memberships::list(tx, scope),
            given::sum(tx, scope),
        )?;
        let state = provider::state(tx, scope).await?;
        let balance = match state.complete {
            Some(complete) => Some(load_balance(tx, scope, &range, complete).await?),
            None => None,
        };
        Ok(Figures {
            money,
            lost_disputes,
            orders,
            bookings,
            promo_codes,
            taxes,
            gift_cards,
            credit,
            open,
            passes,
            memberships,
            given,
            balance_currencies: state.currencies,
            balance_refused_at: state.refused_at,
            balance,
        })
    });
    let figures = read.await?;
    Ok(SalesReport::new(
        &range,
        scope,
        &studio.time_zone,
        &zone,
        today,
        figures,
    ))
}

async fn load_balance(
    client: &Client,
    scope: &Scope,
    range: &Range,
    complete: (DateTime<Utc>, DateTime<Utc>),
) -> Result<BalanceFigures> {
    let (sums, payouts, unmatched) = tokio::try_join!(
        provider::sum_up(client, scope),
        provider::list_payouts(client, range.from, range.to, &scope.currency),
        provider::list_unmatched(client, scope),
    )?;
    Ok(BalanceFigures {
        complete,
        sums,
        payouts,
        unmatched,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn query(from: Option<&str>, to: Option<&str>) -> ParsedQuery {
        ParsedQuery {
            from: from.map(date),
            to: to.map(date),
            period: None,
            currency: None,
            table: None,
        }
    }

    #[test]
    fn a_range_is_this_month_by_default_and_has_a_maximum_length() {
        let today = date("2026-11-21");
        let range = query(None, None).range(today).unwrap();
        assert_eq!((range.from, range.to), (date("2026-11-01"), today));
        let range = query(None, Some("2024-02-29")).range(today).unwrap();
        assert_eq!(
            (range.from, range.to),
            (date("2024-02-01"), date("2024-02-29"))
        );
        assert!(query(Some("2026-11-22"), None).range(today).is_err());
        assert!(
            query(Some("2024-01-01"), Some("2027-01-02"))
                .range(today)
                .is_ok()
        );
        assert!(
            query(Some("2024-01-01"), Some("2027-01-03"))
                .range(today)
                .is_err()
        );
    }

    #[test]
    fn long_ranges_are_divided_into_months() {
        let starts = |from, to| {
            query(Some(from), Some(to))
                .range(date("2026-11-21"))
                .unwrap()
                .starts()
        };
        assert_eq!(
            starts("2026-10-31", "2026-11-01"),
            [date("2026-10-31"), date("2026-11-01")]
        );
        let months = starts("2026-01-15", "2026-05-01");
        assert_eq!(months[..2], [date("2026-01-15"), date("2026-02-01")]);
        assert_eq!(months.len(), 5);
    }
}
