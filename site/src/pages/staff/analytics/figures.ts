// Figures as texts.

import type { Schema } from "../../../api/client.ts";
import type { StaffAnalyticsTexts } from "../../../texts/staff-analytics.en.ts";
import { language } from "../../../tools/language.ts";
import { formatPrice } from "../../../tools/time.ts";

type Revenue = Schema<"Revenue">;

export function formatCount(value: number): string {
  return new Intl.NumberFormat(language.value).format(value);
}

/** Formats a share, such as 0.357, as "36%". */
export function formatRate(t: StaffAnalyticsTexts, rate: number | null): string {
  return rate === null ? t.noValue : new Intl.NumberFormat(language.value, { style: "percent" }).format(rate);
}

/** Formats what was earned after refunds, in each currency. */
export function formatRevenue(t: StaffAnalyticsTexts, revenue: Revenue[]): string {
  return revenue.map(({ net, currency }) => formatPrice(net, currency)).join(", ") || t.noValue;
}
