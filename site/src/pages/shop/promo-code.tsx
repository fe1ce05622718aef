// The promo code that a member enters, and what the products cost with it.

import { api, call, type Schema } from "../../api/client.ts";
import { Failure } from "../../api/failure.ts";
import { Field, Form } from "../../components/form.tsx";
import { Button } from "../../components/ui.tsx";
import type { ShopTexts } from "../../texts/shop.en.ts";

export type Product = Pick<Schema<"Product">, "id" | "price">;
export type ProductPrice = Schema<"ProductPrice">;

/** A promo code with the prices of the products for which it is good, by their id. */
export interface AppliedCode {
  code: string;
  prices: ReadonlyMap<string, ProductPrice>;
}

const NOT_APPLICABLE = "promo_code_not_applicable";

/** Asks what a product costs with a code. Null: the code is not for this product. */
async function loadPrice(promoCode: string, { id: productId }: Product): Promise<ProductPrice | null> {
  try {
    return await call(api.POST("/api/shop/price", { body: { productId, promoCode } }));
  } catch (failure) {
    if (failure instanceof Failure && failure.code === NOT_APPLICABLE) return null;
    throw failure;
  }
}

async function applyCode(t: ShopTexts, text: string, products: readonly Product[]): Promise<AppliedCode> {
  const code = text.trim().toUpperCase();
  const [first, ...others] = products.filter(({ price }) => Number(price) > 0);
  if (!first) throw new Failure(t.promo.nothing);
  // The first response says whether there is such a code, so that a wrong one counts once.
  const found = [[first, await loadPrice(code, first)] as const, ...(await Promise.all(others.map(async (one) => [one, await loadPrice(code, one)] as const)))];
  const prices = new Map(found.flatMap(([{ id }, price]) => (price ? [[id, price] as const] : [])));
  if (prices.size === 0) throw new Failure(t.promo.nothing);
  return { code, prices };
}

interface Props {
  t: ShopTexts;
  products: readonly Product[];
  applied: AppliedCode | null;
  onApply: (applied: AppliedCode | null) => void;
}

export function PromoCode({ t, products, applied, onApply }: Props) {
  if (applied) {
    return (
      <p class="shop-code" role="status">
        <span>{t.promo.applied(applied.code)}</span>
        <Button kind="quiet" size="small" onClick={() => onApply(null)}>
          {t.promo.remove}
        </Button>
      </p>
    );
  }
  return (
    <div class="shop-code">
      <Form onSend={async (values) => onApply(await applyCode(t, values.text("promoCode"), products))}>
        <Field name="promoCode" label={t.promo.title} required autoComplete="off" autoCapitalize="none" spellcheck={false} maxLength={30} />
        <Button type="submit" kind="soft">
          {t.promo.apply}
        </Button>
      </Form>
    </div>
  );
}
