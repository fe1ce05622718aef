//! The codes of failed requests.

use utoipa::ToSchema;

macro_rules! codes {
    ($($(#[$doc:meta])+ $code:ident = $text:literal,)+) => {
        /// The kind of a failure, for programs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
        pub enum ErrorCode {
            $($(#[$doc])+ #[schema(rename = $text)] $code,)+
        }

        impl ErrorCode {
            /// Returns the code as responses contain it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $text,)+
                }
            }
        }
    };
}

codes! {
    /// 400: fields of the request are invalid; `details` names them.
    ValidationFailed = "validation_failed",
    /// 400: the request cannot be parsed.
    MalformedRequest = "malformed_request",
    /// 400: the signature of a webhook is wrong, or its time is too far from the current time.
    BadSignature = "bad_signature",
    /// 400: the request has two cookies with the same name.
    DuplicateCookie = "duplicate_cookie",
    /// 400: the token of a mailed link is used, expired, replaced or unknown.
    LinkEnded = "link_ended",
    /// 400: a sign-in through a provider was started in another browser, has already been
    /// completed, or has expired.
    OauthState = "oauth_state",
    /// 400: the response of a provider cannot be accepted.
    OauthRefused = "oauth_refused",
    /// 401: the request has no valid credential.
    NotSignedIn = "not_signed_in",
    /// 401: the session ended during the request.
    SessionGone = "session_gone",
    /// 401: the e-mail address or the password is wrong.
    InvalidCredentials = "invalid_credentials",
    /// 401: a code is needed, and the response has the `challenge` to send with it.
    TwoFactorRequired = "two_factor_required",
    /// 401: the code of the second factor is wrong or has been used.
    InvalidCode = "invalid_code",
    /// 401: the challenge has expired or had too many wrong codes.
    ChallengeEnded = "challenge_ended",
    /// 401: the refresh token is unknown, used or expired, or its session has ended.
    RefreshTokenRefused = "refresh_token_refused",
    /// 401: a cross-app token is no longer valid.
    TokenEnded = "token_ended",
    /// 401: the name or the secret of a partner application is wrong, or the application is
    /// deactivated.
    UnknownApplication = "unknown_application",
    /// 403: the caller may not do this.
    Forbidden = "forbidden",
    /// 403: the request came from a page of another site.
    ForeignOrigin = "foreign_origin",
    /// 403: the local server was called by a name other than localhost.
    ForeignHost = "foreign_host",
    /// 403: staff must set up a second factor first.
    TwoFactorSetupRequired = "two_factor_setup_required",
    /// 403: the member has not confirmed their e-mail address. 409 when such an account is to get
    /// a role or to be linked to an instructor.
    EmailNotVerified = "email_not_verified",
    /// 403: the current password is wrong.
    WrongPassword = "wrong_password",
    /// 403: the last sign-in is too long ago for this request.
    SignInAgain = "sign_in_again",
    /// 403: the link belongs to an account that is not signed in.
    SignInToConfirm = "sign_in_to_confirm",
    /// 403: the demo account cannot change anything.
    DemoAccount = "demo_account",
    /// 403: the sign-in was cancelled at the provider.
    AccessDenied = "access_denied",
    /// 403: the provider has not verified the e-mail address.
    EmailUnverified = "email_unverified",
    /// 403: the account is deactivated. 409: the action is on a closed account.
    AccountClosed = "account_closed",
    /// 403: administrators cannot change their own role.
    OwnRole = "own_role",
    /// 403: administrators cannot deactivate their own account.
    OwnAccount = "own_account",
    /// 403: administrators cannot remove their own second factor.
    OwnSecondFactor = "own_second_factor",
    /// 403: staff need a colleague for this action on their own booking.
    OwnBooking = "own_booking",
    /// 403: staff need a colleague to sell to themselves, or to change their own pass,
    /// membership, order, or credit.
    OwnPurchase = "own_purchase",
    /// 403: the member does not belong to the organization.
    NotAMember = "not_a_member",
    /// 403: the cross-app token is for another application.
    WrongApplication = "wrong_application",
    /// 404: nothing has this address or id.
    NotFound = "not_found",
    /// 405: the address does not support the method.
    MethodNotAllowed = "method_not_allowed",
    /// 408: the body did not arrive in time.
    RequestTimeout = "request_timeout",
    /// 409: another account has this e-mail address.
    EmailTaken = "email_taken",
    /// 409: the e-mail address is already confirmed.
    EmailVerified = "email_verified",
    /// 409: a concurrent request has changed the same account.
    IdentityOvertaken = "identity_overtaken",
    /// 409: the account at the provider is linked to another member.
    IdentityTaken = "identity_taken",
    /// 409: an account with the address from the provider exists.
    AccountExists = "account_exists",
    /// 409: without this provider, the member could no longer sign in.
    LastWayIn = "last_way_in",
    /// 409: a second factor is already set up.
    TwoFactorEnabled = "two_factor_enabled",
    /// 409: there is no second factor to confirm or remove.
    TwoFactorNotBegun = "two_factor_not_begun",
    /// 409: codes from the app cannot be checked; a recovery code can.
    TwoFactorUnreadable = "two_factor_unreadable",
    /// 409: the `Idempotency-Key` belongs to another request.
    IdempotencyKeyReused = "idempotency_key_reused",
    /// 409: the member has booked this class.
    AlreadyBooked = "already_booked",
    /// 409: no spot is free.
    ClassFull = "class_full",
    /// 409: the member has booked a class of the course.
    CourseAlreadyBooked = "course_already_booked",
    /// 409: a class of the course is full.
    CourseFull = "course_full",
    /// 409: the class is part of a course, and cannot be booked by itself.
    CourseOnly = "course_only",
    /// 409: the course has no upcoming classes.
    CourseOver = "course_over",
    /// 409: the course is sold or is being paid for, so its classes cannot be changed.
    CourseSold = "course_sold",
    /// 409: the waitlist closes shortly before the class.
    WaitlistClosed = "waitlist_closed",
    /// 409: the member has a booking for another class at this time.
    OverlappingBooking = "overlapping_booking",
    /// 409: the member must pay for a booking or cancel one first.
    TooManyUnpaidBookings = "too_many_unpaid_bookings",
    /// 409: an account with this e-mail address exists.
    MemberExists = "member_exists",
    /// 409: the account with this e-mail address is deactivated.
    MemberDeactivated = "member_deactivated",
    /// 409: the class is cancelled.
    ClassCancelled = "class_cancelled",
    /// 409: the class has started.
    ClassStarted = "class_started",
    /// 409: the class has not started.
    ClassNotStarted = "class_not_started",
    /// 409: the class is over.
    ClassOver = "class_over",
    /// 409: check-in for the class is not open.
    CheckInNotOpen = "check_in_not_open",
    /// 409: the check-in to undo has been replaced by another record.
    AttendanceChanged = "attendance_changed",
    /// 409: the member is checked in.
    CheckedIn = "checked_in",
    /// 409: the booking cannot move to another class.
    NotMovable = "not_movable",
    /// 409: the booking has no spot.
    NoPlace = "no_place",
    /// 409: the booking can no longer be cancelled.
    NotCancellable = "not_cancellable",
    /// 409: the booking has no spot that can be paid for.
    NotPayable = "not_payable",
    /// 409: the booking costs nothing.
    NothingToPay = "nothing_to_pay",
    /// 409: the booking is paid.
    AlreadyPaid = "already_paid",
    /// 409: a payment for the booking is being processed.
    PaymentUnderWay = "payment_under_way",
    /// 409: the payment was cancelled or failed during the request.
    PaymentReplaced = "payment_replaced",
    /// 409: the member has disputed the payment, so it cannot be refunded.
    PaymentDisputed = "payment_disputed",
    /// 409: there is nothing to refund.
    NothingToRefund = "nothing_to_refund",
    /// 409: the order is not paid.
    OrderNotPaid = "order_not_paid",
    /// 409: the chosen pass cannot pay for the class, or no pass of the member can.
    PassNotUsable = "pass_not_usable",
    /// 409: what pays for a waitlist entry cannot be chosen.
    PayWithOnWaitlist = "pay_with_on_waitlist",
    /// 409: the pass does not allow the change.
    PassNotChangeable = "pass_not_changeable",
    /// 409: a product of the order does not exist or is retired.
    ProductNotSold = "product_not_sold",
    /// 409: the member cannot buy the product again.
    ProductLimitReached = "product_limit_reached",
    /// 409: there is no such promo code.
    PromoCodeUnknown = "promo_code_unknown",
    /// 409: the promo code cannot be used yet.
    PromoCodeNotBegun = "promo_code_not_begun",
    /// 409: the last day of the promo code has passed, or staff have ended it.
    PromoCodeOver = "promo_code_over",
    /// 409: the promo code has reached its limit of uses.
    PromoCodeUsedUp = "promo_code_used_up",
    /// 409: the member has reached the limit of uses for each member.
    PromoCodeAlreadyUsed = "promo_code_already_used",
    /// 409: the promo code does not apply to these products.
    PromoCodeNotApplicable = "promo_code_not_applicable",
    /// 409: another promo code has this code.
    PromoCodeExists = "promo_code_exists",
    /// 409: there is no gift card with this code.
    GiftCardUnknown = "gift_card_unknown",
    /// 409: the purchase of the gift card is disputed.
    GiftCardInactive = "gift_card_inactive",
    /// 409: there is not enough money on the gift card.
    GiftCardNotEnough = "gift_card_not_enough",
    /// 409: a gift card cannot be bought with a gift card.
    GiftCardNotApplicable = "gift_card_not_applicable",
    /// 409: the member does not have enough credit.
    CreditNotEnough = "credit_not_enough",
    /// 409: a gift card cannot be bought with credit.
    CreditNotApplicable = "credit_not_applicable",
    /// 409: the member has a membership already.
    MembershipExists = "membership_exists",
    /// 409: the membership has not begun, or is over.
    MembershipNotRunning = "membership_not_running",
    /// 409: the studio does not accept cards.
    CardNotAvailable = "card_not_available",
    /// 409: the amount cannot be paid by card.
    CardNotPossible = "card_not_possible",
    /// 409: another class is in the room at that time.
    RoomTaken = "room_taken",
    /// 409: the instructor teaches another class at that time.
    InstructorTaken = "instructor_taken",
    /// 409: the member is linked to another instructor.
    InstructorLinked = "instructor_linked",
    /// 409: more members have booked than the new limit allows.
    PlacesTaken = "places_taken",
    /// 409: the day is part of a closure.
    StudioClosed = "studio_closed",
    /// 409: another class type has this name.
    ClassTypeExists = "class_type_exists",
    /// 409: another room has this name.
    RoomExists = "room_exists",
    /// 409: another partner application has this name.
    NameTaken = "name_taken",
    /// 409: two secrets of the application are already valid.
    Rotating = "rotating",
    /// 409: another organization has this slug.
    SlugTaken = "slug_taken",
    /// 409: the organization has the maximum number of members.
    AccountFull = "account_full",
    /// 413: the body is larger than 1 MiB.
    BodyTooLarge = "body_too_large",
    /// 415: the `Content-Type` is not `application/json`.
    NotJson = "not_json",
    /// 429: a limit is exceeded; the response has `Retry-After`.
    TooManyRequests = "too_many_requests",
    /// 500: an error in the service.
    Internal = "internal",
    /// 503: a service that Sabor depends on does not answer.
    Unavailable = "unavailable",
}
