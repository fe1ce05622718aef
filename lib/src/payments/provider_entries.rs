//! Reading Stripe's balance transactions once a night, for the report.

use std::time::Instant;

use chrono::DateTime;

use super::reconcile::RunReport;
use super::stripe::{
    BalanceFilter, BalancePage, BalanceTransaction, MAX_PAGE_SIZE, Refusal, Stripe, StripeError,
};
use crate::App;
use crate::error::Result;
use crate::models::provider_entry::{self, ProviderEntry};
use crate::models::provider_payout::{self, ClaimedPayout, ProviderPayout};
use crate::models::provider_pull::{self, Pull};
use crate::values::minor_units::decimal_from_minor_units;
use crate::values::time_zone::TimeZone;

/// What is left to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Nothing is left.
    Complete,
    /// Time ran out, or Stripe does not answer.
    Remaining,
    /// Stripe has refused on this day to show anything.
    Refused,
}

/// Reads the balance transactions that were created since the last time, a page at a time, and then
/// those of each new payout. Does so once on each of the studio's days, with the first run of the
/// clean-up after midnight. A run that is interrupted is continued by the next one. If Stripe does
/// not answer, that is logged, and the next run continues.
///
/// # Errors
///
/// [`Error::Unavailable`](crate::Error::Unavailable) when Postgres does not answer, or when a page
/// cannot be read; [`Error::Internal`](crate::Error::Internal) when Stripe refuses the request, for
/// example because the key may not read balance transactions. Then Stripe is asked again on the next
/// day.
pub(crate) async fn pull(app: &App, until: Instant) -> Result<RunReport> {
    let mut report = RunReport::default();
    let Some(stripe) = app.stripe() else {
        return Ok(report);
    };
    let mut pull = Reader {
        app,
        stripe,
        // A request that has begun can take this long.
        until: until.checked_sub(stripe.time_limit()).unwrap_or(until),
        page_size: MAX_PAGE_SIZE,
        count: 0,
    };
    let mut progress = pull.read_new().await?;
    if progress == Progress::Complete {
        progress = pull.read_payouts().await?;
    }
    report.count = pull.count;
    report.remaining = progress == Progress::Remaining;
    Ok(report)
}

/// Reads balance transactions and stores them.
struct Reader<'a> {
    app: &'a App,
    stripe: &'a Stripe,
    /// When the last request must begin.
    until: Instant,
    /// How many a page has. It is halved when a page is too large to be read.
    page_size: usize,
    /// How many were read.
    count: u64,
}

impl Reader<'_> {
    /// Reads what was created since the last pull.
    async fn read_new(&mut self) -> Result<Progress> {
        let now = self.app.clock().now();
        let zone = TimeZone::of_studio(&self.app.config().studio)?;
        let today_start = zone.day_start(zone.date(now));
        let mut rest = {
            let client = self.app.db().client().await?;
            if provider_pull::is_refused(&client, today_start).await? {
                return Ok(Progress::Refused);
            }
            provider_pull::begin(&client, now, today_start).await?
        };
        while let Some(pull) = rest {
            let filter = BalanceFilter::Created {
                since: pull.since,
                till: pull.till,
            };
            let page = match self.read_page(filter, pull.last_read.as_deref()).await {
                Page::Read(page) => page,
                Page::Postponed => return Ok(Progress::Remaining),
                Page::Failed(error) => {
                    self.note_refusal(&pull, &error).await?;
                    return Err(error.into());
                }
            };
            let last_read = next_position(&page);
            rest = self
                .app
                .transaction()
                .run(async |tx| {
                    let (entries, payouts) = convert(&page.transactions, None);
                    provider_entry::store(tx, &entries).await?;
                    provider_payout::store(tx, &payouts, now).await?;
                    provider_pull::advance(tx, &pull, last_read.clone()).await
                })
                .await?;
        }
        Ok(Progress::Complete)
    }

    /// If Stripe does not know the last entry, for example because the key is that of another
    /// account now, the pull begins again. After another refusal, Stripe is asked again on the next
    /// day.
    async fn note_refusal(&self, pull: &Pull, error: &StripeError) -> Result<()> {
        let client = self.app.db().client().await?;
        match error.refusal() {
            Some(Refusal::Missing) if pull.last_read.is_some() => {
                provider_pull::restart(&client, pull).await
            }
            Some(_) => provider_pull::refuse(&client, self.app.clock().now()).await,
            None => Ok(()),
        }
    }

    /// Reads the entries of each payout whose entries are not known yet.
    async fn read_payouts(&mut self) -> Result<Progress> {
        let now = self.app.clock().now();
        loop {
            let claimed = {
                let client = self.app.db().client().await?;
                provider_payout::claim(&client, now).await?
            };
            let Some(payout) = claimed else {
                return Ok(Progress::Complete);
            };
            if self.read_payout(&payout).await? == Progress::Remaining {
                let client = self.app.db().client().await?;
                provider_payout::release(&client, &payout.id, now).await?;
                return Ok(Progress::Remaining);
            }
        }
    }

    async fn read_payout(&mut self, payout: &ClaimedPayout) -> Result<Progress> {
        let id = payout.id.as_str();
        let mut position = payout.last_read.clone();
        loop {
            let filter = BalanceFilter::Payout(id);
            let page = match self.read_page(filter, position.as_deref()).await {
                Page::Read(page) => page,
                Page::Postponed => return Ok(Progress::Remaining),
                // It is a payout of another account, or of the other mode (test or live).
                Page::Failed(error) if error.refusal() == Some(Refusal::Missing) => {
                    tracing::info!(payout = id, "Stripe does not know a payout");
                    let client = self.app.db().client().await?;
                    provider_payout::give_up(&client, id).await?;
                    return Ok(Progress::Complete);
                }
                Page::Failed(error) => {
                    let (client, now) = (self.app.db().client().await?, self.app.clock().now());
                    if error.refusal().is_some() {
                        provider_pull::refuse(&client, now).await?;
                        provider_payout::release(&client, id, now).await?;
                    }
                    return Err(error.into());
                }
            };
            position = next_position(&page);
            let (entries, payouts) = convert(&page.transactions, Some(id));
            let client = self.app.db().client().await?;
            let now = self.app.clock().now();
            provider_entry::store(&client, &entries).await?;
            provider_payout::store(&client, &payouts, now).await?;
            provider_payout::advance(&client, id, position.clone()).await?;
            if position.is_some() {
                continue;
            }
            // Stripe may not have assigned all of them yet.
            if !provider_payout::complete(&client, id).await? {
                tracing::info!(payout = id, "the entries of a payout do not add up yet");
            }
            return Ok(Progress::Complete);
        }
    }

    async fn read_page(&mut self, filter: BalanceFilter<'_>, after: Option<&str>) -> Page {
        loop {
            if Instant::now() >= self.until {
                return Page::Postponed;
            }
            match self
                .stripe
                .balance_page(filter, self.page_size, after)
                .await
            {
                Ok(page) => {
                    self.count += page.transactions.len() as u64;
                    return Page::Read(page);
                }
                Err(StripeError::TooLarge) if self.page_size > 1 => self.page_size /= 2,
                Err(error @ (StripeError::Unavailable(_) | StripeError::RepeatedFailure)) => {
                    tracing::warn!(%error, "postponed reading the balance transactions");
                    return Page::Postponed;
                }
                Err(error) => return Page::Failed(error),
            }
        }
    }
}

/// What has become of a request for a page.
enum Page {
    Read(BalancePage),
    /// Time ran out, or Stripe does not answer.
    Postponed,
    /// Stripe refused the request, or the page cannot be read.
    Failed(StripeError),
}

/// Returns the id after which the next page begins. `None` if there is none.
fn next_position(page: &BalancePage) -> Option<String> {
    let last = page.transactions.last().filter(|_| page.has_more);
    last.map(|transaction| transaction.id.clone())
}

/// Converts balance transactions, and the payouts among them. `payout` is the id of the payout that
/// has paid them out, if it is known.
fn convert(
    transactions: &[BalanceTransaction],
    payout: Option<&str>,
) -> (Vec<ProviderEntry>, Vec<ProviderPayout>) {
    let entries = transactions.iter().map(|transaction| {
        let currency = transaction.currency.to_ascii_uppercase();
        let to_amount = |units| decimal_from_minor_units(units, &currency);
        ProviderEntry {
            id: transaction.id.clone(),
            kind: transaction.kind.clone(),
            category: transaction.reporting_category.clone(),
            amount: to_amount(transaction.amount),
            fee: to_amount(transaction.fee),
            net: to_amount(transaction.net),
            source: transaction.source_id().map(str::to_owned),
            provider_payment: transaction.payment_intent().map(str::to_owned),
            payout: payout.map(str::to_owned),
            created_at: DateTime::from_timestamp(transaction.created, 0).unwrap_or_default(),
            currency,
        }
    });
    let payouts = transactions.iter().filter_map(|transaction| {
        let payout = transaction.payout()?;
        let arrives_at = DateTime::from_timestamp(payout.arrival_date, 0)?;
        Some(ProviderPayout {
            id: payout.id.to_owned(),
            arrives_on: arrives_at.date_naive(),
            is_automatic: payout.is_automatic,
        })
    });
    (entries.collect(), payouts.collect())
}
