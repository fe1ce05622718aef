//! Payments with a wallet: a gift card, or the member's credit.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::crypto::random;
use crate::error::{Error, ErrorCode, Result};
use crate::models::product::{Product, ProductKind};
use crate::store::client::Client;
use crate::store::statement::Statement;

/// A kind of wallet that pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WalletTender {
    GiftCard,
    Credit,
}

impl WalletTender {
    fn as_str(self) -> &'static str {
        match self {
            Self::GiftCard => "gift",
            Self::Credit => "credit",
        }
    }
}

/// A payment with a wallet. A trigger takes the money from the wallet.
pub(super) struct WalletPayment<'a> {
    pub(super) order_id: Uuid,
    pub(super) user_id: Uuid,
    pub(super) wallet_id: Uuid,
    pub(super) tender: WalletTender,
    /// More than 0, and not more than the balance of the locked wallet.
    pub(super) amount: Decimal,
    pub(super) currency: &'a str,
    /// The member of staff who takes it, and when. `None` if the order is open: the payment is paid
    /// when the order is.
    pub(super) taken: Option<(Uuid, DateTime<Utc>)>,
}

static INSERT: Statement = Statement::new(
    "order.insert_wallet_payment",
    "insert into payments (id, order_id, user_id, amount, currency, tender, wallet_id, status,
        paid_at, taken_by, created_at)
    values ($1, $2, $3, $4, $5, $9, $6, case when $7::timestamptz is null then 'pending'
        else 'paid' end, $7, $8, clock_timestamp())",
);

/// Inserts a payment with a locked wallet.
pub(super) async fn insert(client: &Client, payment: &WalletPayment<'_>) -> Result<()> {
    let (taken_by, taken_at) = payment.taken.unzip();
    INSERT
        .execute(
            client,
            &[
                &random::id(),
                &payment.order_id,
                &payment.user_id,
                &payment.amount,
                &payment.currency.to_owned(),
                &payment.wallet_id,
                &taken_at,
                &taken_by,
                &payment.tender.as_str(),
            ],
        )
        .await
}

static SUM_OF: Statement = Statement::new(
    "order.sum_wallet_payments",
    "select coalesce(sum(amount), 0) as sum from payments
    where order_id = $1 and wallet_id is not null and status = 'pending'",
);

/// Returns what wallets pay for an open order.
pub(super) async fn sum_of(client: &Client, order_id: Uuid) -> Result<Decimal> {
    Ok(SUM_OF.one(client, &[&order_id]).await?.try_get("sum")?)
}

/// What wallets pay of an order, and the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct WalletShares {
    pub(super) credit: Decimal,
    pub(super) gift_card: Decimal,
    pub(super) rest: Decimal,
}

impl WalletShares {
    /// Divides a total among the member's credit, which pays first, a gift card, and a card. Members do
    /// not ask for their credit to be used, so it pays less, or nothing, if the rest would otherwise be
    /// too small for a card. If the minimum for a card is not known, the credit pays only if nothing is
    /// left to pay by card.
    pub(super) fn divide(
        total: Decimal,
        credit: Decimal,
        gift_card: Decimal,
        card_minimum: Option<Decimal>,
    ) -> Self {
        let shares = Self::of(total, credit, gift_card);
        match card_minimum {
            _ if shares.rest.is_zero() => shares,
            Some(minimum) if shares.rest >= minimum => shares,
            Some(minimum) if shares.credit + shares.rest >= minimum => Self {
                credit: shares.credit + shares.rest - minimum,
                rest: minimum,
                ..shares
            },
            _ => Self::of(total, Decimal::ZERO, gift_card),
        }
    }

    fn of(total: Decimal, credit: Decimal, gift_card: Decimal) -> Self {
        let credit = credit.min(total);
        let gift_card = gift_card.min(total - credit);
        Self {
            credit,
            gift_card,
            rest: total - credit - gift_card,
        }
    }
}

/// Returns whether wallets can pay for products. A gift card is bought for money.
pub(super) fn can_pay_for(products: &[Product]) -> bool {
    products
        .iter()
        .all(|product| product.kind != ProductKind::GiftCard)
}

/// Checks that products can be paid with a gift card.
///
/// # Errors
///
/// 409 `gift_card_not_applicable`.
pub(super) fn check_gift_card_can_pay(products: &[Product]) -> Result<()> {
    match can_pay_for(products) {
        true => Ok(()),
        false => Err(GIFT_CARD_NOT_APPLICABLE),
    }
}

const GIFT_CARD_NOT_APPLICABLE: Error = Error::Conflict {
    code: ErrorCode::GiftCardNotApplicable,
    message: "A gift card cannot be bought with a gift card",
};

pub(super) const CREDIT_NOT_APPLICABLE: Error = Error::Conflict {
    code: ErrorCode::CreditNotApplicable,
    message: "A gift card cannot be bought with credit",
};

#[cfg(test)]
mod tests {
    use super::*;

    fn divide(total: i64, credit: i64, gift_card: i64, minimum: Option<i64>) -> [i64; 3] {
        let cents = |amount| Decimal::new(amount, 2);
        let (total, credit, gift_card) = (cents(total), cents(credit), cents(gift_card));
        let shares = WalletShares::divide(total, credit, gift_card, minimum.map(cents));
        assert_eq!(shares.credit + shares.gift_card + shares.rest, total);
        [shares.credit, shares.gift_card, shares.rest]
            .map(|amount| (amount * Decimal::ONE_HUNDRED).try_into().unwrap())
    }

    #[test]
    fn credit_pays_first_then_the_gift_card_then_a_card() {
        assert_eq!(divide(6000, 2000, 3000, Some(50)), [2000, 3000, 1000]);
        assert_eq!(divide(6000, 7000, 3000, Some(50)), [6000, 0, 0]);
        assert_eq!(divide(6000, 2000, 4500, Some(50)), [2000, 4000, 0]);
    }

    #[test]
    fn credit_pays_less_if_the_rest_is_too_small_for_a_card() {
        assert_eq!(divide(5030, 5000, 0, Some(50)), [4980, 0, 50]);
        assert_eq!(divide(5030, 10, 5000, Some(50)), [0, 5000, 30]);
        assert_eq!(divide(40, 10, 0, Some(50)), [0, 0, 40]);
    }

    #[test]
    fn without_a_known_minimum_credit_pays_all_or_nothing() {
        assert_eq!(divide(5030, 5000, 0, None), [0, 0, 5030]);
        assert_eq!(divide(5030, 5000, 30, None), [5000, 30, 0]);
    }
}
