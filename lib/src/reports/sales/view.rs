//! The sales report, as the API returns it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::range::{PeriodLength, Range};
use super::stripe::{BalanceFigures, StripeBalance};
use crate::models::report::sales::Scope;
use crate::models::report::sales::given::GivenSum;
use crate::models::report::sales::memberships::MembershipSum;
use crate::models::report::sales::money::{LostDisputeSum, MoneySum, MoneyTender};
use crate::models::report::sales::open::{CreditSums, GiftCardSums, OpenKind, OpenSum, PassSum};
use crate::models::report::sales::products::{PromoCodeSum, SoldKind, SoldSum};
use crate::models::report::sales::taxes::TaxSum;
use crate::values::currency::format_amount;
use crate::values::time_zone::TimeZone;

/// What came in, what was sold, and what is open. All amounts are in one currency. Payments count on
/// the day on which they arrived, and refunds on the day on which they were made.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SalesReport {
    /// The first day.
    pub(super) from: NaiveDate,
    /// The last day.
    pub(super) to: NaiveDate,
    /// The length of the periods.
    period: PeriodLength,
    /// The studio's IANA time zone.
    time_zone: String,
    /// ISO 4217 code.
    pub(super) currency: String,
    /// The currencies of all payments, refunds, and entries at Stripe in the range, sorted. A report
    /// covers one.
    currencies: Vec<String>,
    totals: Totals,
    /// All days or months in order, including those in which nothing happened. The range may cut off
    /// the first and the last month.
    pub(super) periods: Vec<Period>,
    /// What was sold, in the order of `kind`, and with the largest amount first.
    pub(super) products: Vec<Sold>,
    /// How money moved.
    pub(super) tenders: Vec<TenderSums>,
    /// The tax in the receipts of the range, highest rate first.
    pub(super) taxes: Vec<Tax>,
    /// The promo codes of orders that were paid in the range, sorted by code.
    pub(super) promo_codes: Vec<PromoCodeSales>,
    pub(super) gift_cards: GiftCards,
    pub(super) credit: Credit,
    /// The studio's day on which the figures of now were read: `owed`, `open`, `passes`, the balance
    /// of gift cards, and active memberships.
    as_of: NaiveDate,
    /// What members owe, now.
    owed: String,
    /// What is still to be paid or refunded, now.
    pub(super) open: Vec<Open>,
    /// The value of all passes that can still be used, now.
    pass_value: String,
    /// These passes, by product.
    pub(super) passes: Vec<Passes>,
    /// Memberships, by product. Those that were never paid do not count.
    pub(super) memberships: Vec<Memberships>,
    /// The balance at Stripe. Null if it was never read.
    pub(super) stripe: Option<StripeBalance>,
    /// When Stripe has last refused to show the balance, because the key may not read it. Null if
    /// Stripe shows it.
    stripe_refused_at: Option<DateTime<Utc>>,
}

/// The sums of the whole range.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SalesTotals)]
struct Totals {
    /// The money that came in. What gift cards and credit pay is not counted.
    #[schema(examples("250.00"))]
    received: String,
    /// The money that was given back. What is given back to gift cards and credit is not counted.
    refunded: String,
    /// Received minus refunded. May be negative.
    net: String,
    /// The number of disputes that were lost.
    disputes_lost: i64,
    /// The money of these disputes. It is not subtracted from `net`.
    lost_in_disputes: String,
    /// What was paid for everything that was sold, by gift cards and credit too.
    sold: String,
    /// What promo codes have taken off.
    discounts: String,
    /// What was paid for late cancellations, and because members did not come.
    fees: String,
    /// The tax in the receipts minus the tax in the refunds. May be negative.
    tax: String,
    /// The number of spots that the studio gave for free, without those that were cancelled
    /// afterwards.
    given_spots: i64,
    /// What these spots would have cost. Nobody owes it.
    given_value: String,
}

/// The sums of a day or a month.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SalesPeriod)]
pub(super) struct Period {
    /// The first day.
    pub(super) start: NaiveDate,
    /// The number of payments.
    pub(super) payments: i64,
    /// The money that came in.
    pub(super) received: String,
    /// The number of refunds.
    pub(super) refunds: i64,
    /// The money that was given back.
    pub(super) refunded: String,
    /// Received minus refunded. May be negative.
    pub(super) net: String,
    /// The tax in the receipts minus the tax in the refunds. May be negative.
    pub(super) tax: String,
}

/// What was sold of a product, of the classes of one type, or as one kind of fee.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SalesOfProduct)]
pub(super) struct Sold {
    pub(super) kind: SoldKind,
    /// The id of the product or the class type. Null for other kinds.
    id: Option<Uuid>,
    /// The name of the product or the class type. Null for other kinds.
    pub(super) name: Option<String>,
    /// How many were sold.
    pub(super) count: i64,
    /// What promo codes have taken off.
    pub(super) discount: String,
    /// What was paid, by gift cards and credit too.
    pub(super) amount: String,
    /// How much of the amount gift cards have paid.
    pub(super) paid_by_gift_card: String,
    /// How much of the amount credit has paid.
    pub(super) paid_by_credit: String,
    /// What was given back, to gift cards and credit too.
    pub(super) refunded: String,
    /// How much of it was given back to gift cards.
    pub(super) refunded_to_gift_card: String,
    /// How much of it was given back to credit.
    pub(super) refunded_to_credit: String,
    /// The money that came in minus the money that was given back. May be negative.
    pub(super) net: String,
}

/// The money that moved in one way.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SalesByTender)]
pub(super) struct TenderSums {
    pub(super) tender: MoneyTender,
    /// The number of payments.
    pub(super) payments: i64,
    /// The money that came in.
    pub(super) received: String,
    /// The number of refunds.
    pub(super) refunds: i64,
    /// The money that was given back in this way.
    pub(super) refunded: String,
    /// Received minus refunded. May be negative.
    pub(super) net: String,
}

/// The tax with one rate.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SalesTax)]
pub(super) struct Tax {
    /// The rate in percent.
    #[schema(examples("19"))]
    pub(super) rate: String,
    /// The sum of the lines of the receipts, with the tax.
    pub(super) amount: String,
    /// The tax in it.
    pub(super) tax: String,
    /// What was given back of such lines.
    pub(super) refunded: String,
    /// The tax in the refunded amount.
    pub(super) refunded_tax: String,
    /// The tax minus the tax that was given back. May be negative.
    pub(super) net_tax: String,
}

/// The orders with a promo code.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SalesWithPromoCode)]
pub(super) struct PromoCodeSales {
    /// The code, as it is written now.
    pub(super) code: String,
    /// The number of orders.
    pub(super) orders: i64,
    /// What the code has taken off.
    pub(super) discount: String,
    /// What was paid for the orders.
    pub(super) amount: String,
}

/// Gift cards: what was sold and used in the range, and what is left now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SalesOfGiftCards)]
pub(super) struct GiftCards {
    /// How many were sold.
    pub(super) sold: i64,
    /// What was paid for them.
    pub(super) amount: String,
    /// What gift cards have paid.
    pub(super) redeemed: String,
    /// What was given back to gift cards.
    pub(super) refunded: String,
    /// How many have money on them, now.
    pub(super) count: i64,
    /// The money on them, now.
    pub(super) balance: String,
    /// What gift cards pay in orders that are not paid yet. It is not part of the balance.
    pub(super) held: String,
}

/// The credit of members: what was given and used in the range, and what is left now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SalesOfCredit)]
pub(super) struct Credit {
    /// What staff have added.
    pub(super) added: String,
    /// What staff have deducted.
    pub(super) deducted: String,
    /// What credit has paid.
    pub(super) redeemed: String,
    /// What was given back to credit.
    pub(super) refunded: String,
    /// The credit of accounts that were closed, which is lost.
    pub(super) forfeited: String,
    /// How many members have credit, now.
    pub(super) count: i64,
    /// Their credit, now.
    pub(super) balance: String,
    /// What credit pays in orders that are not paid yet. It is not part of the balance.
    pub(super) held: String,
}

/// Money that is still to be paid or refunded.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OpenSum)]
pub(super) struct Open {
    pub(super) kind: OpenKind,
    /// The number of bookings, refunds, or disputes.
    pub(super) count: i64,
    pub(super) amount: String,
}

/// Passes of one product that can still be used.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OpenPasses)]
pub(super) struct Passes {
    product_id: Uuid,
    /// The product's name.
    pub(super) name: String,
    /// The number of passes.
    pub(super) count: i64,
    /// The classes that are left on passes with a number of classes.
    pub(super) credits_left: i64,
    /// How many of the passes are unlimited.
    pub(super) unlimited: i64,
    /// What is left of what was paid for the passes: the share of the classes that are left, or of
    /// the days if a pass is unlimited. It is rounded down for each pass.
    pub(super) value: String,
}

/// What the statements have read.
pub(super) struct Figures {
    /// In all currencies.
    pub(super) money: Vec<MoneySum>,
    pub(super) lost_disputes: LostDisputeSum,
    pub(super) orders: Vec<SoldSum>,
    pub(super) bookings: Vec<SoldSum>,
    pub(super) promo_codes: Vec<PromoCodeSum>,
    pub(super) taxes: Vec<TaxSum>,
    pub(super) gift_cards: GiftCardSums,
    pub(super) credit: CreditSums,
    pub(super) open: Vec<OpenSum>,
    pub(super) passes: Vec<PassSum>,
    pub(super) memberships: Vec<MembershipSum>,
    pub(super) given: GivenSum,
    /// The currencies of the entries at Stripe.
    pub(super) balance_currencies: Vec<String>,
    /// `None` if Stripe shows the balance.
    pub(super) balance_refused_at: Option<DateTime<Utc>>,
    /// `None` if the balance was never read.
    pub(super) balance: Option<BalanceFigures>,
}

/// The memberships of one product: those that have begun and ended in the range, and those that
/// there are now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SalesOfMemberships)]
pub(super) struct Memberships {
    product_id: Uuid,
    /// The product's name.
    pub(super) name: String,
    /// How many were paid for the first time.
    pub(super) new: i64,
    /// How many have ended.
    pub(super) lost: i64,
    /// How many are active now, including those whose last payment has failed.
    pub(super) active: i64,
    /// How many of the active ones will end.
    pub(super) ending: i64,
    /// How many are paused now.
    pub(super) paused: i64,
    /// The price of the active ones for a month, rounded. A year has 52 weeks and twelve months.
    pub(super) monthly_revenue: String,
}

/// Money in and out.
#[derive(Clone, Copy, Debug, Default)]
struct Money {
    payments: i64,
    received: Decimal,
    refunds: i64,
    refunded: Decimal,
}

impl Money {
    fn add(&mut self, sum: &MoneySum) {
        if sum.is_refund {
            self.refunds += sum.count;
            self.refunded += sum.amount;
        } else {
            self.payments += sum.count;
            self.received += sum.amount;
        }
    }

    fn net(&self) -> Decimal {
        self.received - self.refunded
    }
}

impl SalesReport {
    pub(super) fn new(
        range: &Range,
        scope: &Scope,
        time_zone: &str,
        zone: &TimeZone,
        today: NaiveDate,
        figures: Figures,
    ) -> Self {
        let format = |amount: Decimal| format_amount(amount, &scope.currency);
        let Figures {
            mut money,
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
            balance_currencies,
            balance_refused_at,
            balance,
        } = figures;
        let currencies = money.iter().map(|sum| sum.currency.clone());
        let currencies: BTreeSet<_> = currencies.chain(balance_currencies).collect();
        money.retain(|sum| sum.currency == scope.currency);
        let sold = join_late_money(orders.into_iter().chain(bookings).collect());
        let owed = open.iter().filter(|sum| sum.kind.is_owed_by_members());
        let owed = format(owed.map(|sum| sum.amount).sum());
        let pass_value = format(passes.iter().map(|sum| sum.value).sum());
        Self {
            from: range.from,
            to: range.to,
            period: range.length,
            time_zone: time_zone.to_owned(),
            currencies: currencies.into_iter().collect(),
            totals: totals(&money, lost_disputes, &sold, &taxes, &given, format),
            periods: periods(range, &money, &taxes, format),
            gift_cards: GiftCards::new(&gift_cards, &sold, format),
            credit: Credit::new(&credit, format),
            products: products(sold, format),
            tenders: tenders(&money, format),
            taxes: tax_rates(&taxes, format),
            promo_codes: promo_codes
                .into_iter()
                .map(|sum| PromoCodeSales::new(sum, format))
                .collect(),
            as_of: today,
            owed,
            open: open_sums(&open, format),
            pass_value,
            passes: passes
                .into_iter()
                .map(|sum| Passes::new(sum, format))
                .collect(),
            memberships: memberships
                .into_iter()
                .map(|sum| Memberships::new(sum, format))
                .collect(),
            stripe: balance.map(|figures| StripeBalance::new(figures, &scope.currency, zone)),
            stripe_refused_at: balance_refused_at,
            currency: scope.currency.clone(),
        }
    }
}

fn totals(
    money: &[MoneySum],
    lost_disputes: LostDisputeSum,
    sold: &[SoldSum],
    taxes: &[TaxSum],
    given: &GivenSum,
    format: impl Fn(Decimal) -> String,
) -> Totals {
    let mut sums = Money::default();
    money.iter().for_each(|sum| sums.add(sum));
    let fees = sold.iter().filter(|sum| sum.kind.is_fee());
    Totals {
        received: format(sums.received),
        refunded: format(sums.refunded),
        net: format(sums.net()),
        disputes_lost: lost_disputes.count,
        lost_in_disputes: format(lost_disputes.amount),
        sold: format(sold.iter().map(|sum| sum.amount).sum()),
        discounts: format(sold.iter().map(|sum| sum.discount).sum()),
        fees: format(fees.map(|sum| sum.amount).sum()),
        tax: format(taxes.iter().map(|sum| sum.tax - sum.refunded_tax).sum()),
        given_spots: given.count,
        given_value: format(given.value),
    }
}

fn periods(
    range: &Range,
    money: &[MoneySum],
    taxes: &[TaxSum],
    format: impl Fn(Decimal) -> String,
) -> Vec<Period> {
    let starts = range.starts();
    let mut sums = vec![(Money::default(), Decimal::ZERO); starts.len()];
    for sum in money {
        sums[sum.bucket].0.add(sum);
    }
    for sum in taxes {
        sums[sum.bucket].1 += sum.tax - sum.refunded_tax;
    }
    let period = |(start, (money, tax)): (NaiveDate, (Money, Decimal))| Period {
        start,
        payments: money.payments,
        received: format(money.received),
        refunds: money.refunds,
        refunded: format(money.refunded),
        net: format(money.net()),
        tax: format(tax),
    };
    starts.into_iter().zip(sums).map(period).collect()
}

fn tenders(money: &[MoneySum], format: impl Fn(Decimal) -> String) -> Vec<TenderSums> {
    let mut by_tender: BTreeMap<MoneyTender, Money> = BTreeMap::new();
    for sum in money {
        by_tender.entry(sum.tender).or_default().add(sum);
    }
    let sums = |(tender, money): (MoneyTender, Money)| TenderSums {
        tender,
        payments: money.payments,
        received: format(money.received),
        refunds: money.refunds,
        refunded: format(money.refunded),
        net: format(money.net()),
    };
    by_tender.into_iter().map(sums).collect()
}

/// Adds up the money that came too late, for orders and for bookings.
fn join_late_money(sold: Vec<SoldSum>) -> Vec<SoldSum> {
    let is_late = |sum: &SoldSum| sum.kind == SoldKind::CancelledOrder;
    let (late, mut others): (Vec<_>, Vec<_>) = sold.into_iter().partition(is_late);
    others.extend(late.into_iter().reduce(|a, b| SoldSum {
        count: a.count + b.count,
        discount: a.discount + b.discount,
        amount: a.amount + b.amount,
        gift_amount: a.gift_amount + b.gift_amount,
        credit_amount: a.credit_amount + b.credit_amount,
        refunded: a.refunded + b.refunded,
        gift_refunded: a.gift_refunded + b.gift_refunded,
        credit_refunded: a.credit_refunded + b.credit_refunded,
        ..a
    }));
    others
}

fn products(mut sold: Vec<SoldSum>, format: impl Fn(Decimal) -> String) -> Vec<Sold> {
    sold.sort_by(|a, b| {
        let key = |sum: &SoldSum| (sum.kind, -sum.amount, sum.name.clone(), sum.id);
        key(a).cmp(&key(b))
    });
    let view = |sum: SoldSum| Sold {
        net: format(sum.net()),
        kind: sum.kind,
        id: sum.id,
        name: sum.name,
        count: sum.count,
        discount: format(sum.discount),
        amount: format(sum.amount),
        paid_by_gift_card: format(sum.gift_amount),
        paid_by_credit: format(sum.credit_amount),
        refunded: format(sum.refunded),
        refunded_to_gift_card: format(sum.gift_refunded),
        refunded_to_credit: format(sum.credit_refunded),
    };
    sold.into_iter().map(view).collect()
}

/// Adds up the buckets of each rate. The sums are sorted by rate.
fn tax_rates(taxes: &[TaxSum], format: impl Fn(Decimal) -> String) -> Vec<Tax> {
    let sum =
        |sums: &[TaxSum], part: fn(&TaxSum) -> Decimal| -> Decimal { sums.iter().map(part).sum() };
    let rates = taxes.chunk_by(|a, b| a.rate == b.rate);
    let view = |sums: &[TaxSum]| Tax {
        rate: sums[0].rate.clone(),
        amount: format(sum(sums, |sum| sum.amount)),
        tax: format(sum(sums, |sum| sum.tax)),
        refunded: format(sum(sums, |sum| sum.refunded)),
        refunded_tax: format(sum(sums, |sum| sum.refunded_tax)),
        net_tax: format(sum(sums, |sum| sum.tax - sum.refunded_tax)),
    };
    rates.map(view).collect()
}

/// Leaves out what is not open, and sorts the rest.
fn open_sums(open: &[OpenSum], format: impl Fn(Decimal) -> String) -> Vec<Open> {
    let view = |sum: &OpenSum| Open {
        kind: sum.kind,
        count: sum.count,
        amount: format(sum.amount),
    };
    let mut views: Vec<Open> = open.iter().filter(|sum| sum.count > 0).map(view).collect();
    views.sort_by_key(|view| view.kind);
    views
}

impl PromoCodeSales {
    fn new(sum: PromoCodeSum, format: impl Fn(Decimal) -> String) -> Self {
        Self {
            code: sum.code,
            orders: sum.count,
            discount: format(sum.discount),
            amount: format(sum.amount),
        }
    }
}

impl GiftCards {
    fn new(sums: &GiftCardSums, sold: &[SoldSum], format: impl Fn(Decimal) -> String) -> Self {
        let cards = || sold.iter().filter(|sum| sum.kind == SoldKind::GiftCard);
        Self {
            sold: cards().map(|sum| sum.count).sum(),
            amount: format(cards().map(|sum| sum.amount).sum()),
            redeemed: format(sums.redeemed),
            refunded: format(sums.refunded),
            count: sums.count,
            balance: format(sums.balance),
            held: format(sums.held),
        }
    }
}

impl Credit {
    fn new(sums: &CreditSums, format: impl Fn(Decimal) -> String) -> Self {
        Self {
            added: format(sums.added),
            deducted: format(sums.deducted),
            redeemed: format(sums.redeemed),
            refunded: format(sums.refunded),
            forfeited: format(sums.forfeited),
            count: sums.count,
            balance: format(sums.balance),
            held: format(sums.held),
        }
    }
}

impl Passes {
    fn new(sum: PassSum, format: impl Fn(Decimal) -> String) -> Self {
        Self {
            product_id: sum.product_id,
            name: sum.name,
            count: sum.count,
            credits_left: sum.credits,
            unlimited: sum.unlimited,
            value: format(sum.value),
        }
    }
}

impl Memberships {
    fn new(sum: MembershipSum, format: impl Fn(Decimal) -> String) -> Self {
        Self {
            product_id: sum.product_id,
            name: sum.name,
            new: sum.new,
            lost: sum.lost,
            active: sum.active,
            ending: sum.ending,
            paused: sum.paused,
            monthly_revenue: format(sum.monthly),
        }
    }
}
