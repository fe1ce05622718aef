// A search for members.

import { useEffect, useState } from "preact/hooks";
import { api, call, type Schema } from "../api/client.ts";
import { report } from "../tools/action.ts";

/** Finds members by their name or e-mail address. Null while it searches, and without a search. */
export function useMemberSearch(search: string, limit: number): Array<Schema<"Member">> | null {
  const [found, setFound] = useState<Array<Schema<"Member">> | null>(null);
  useEffect(() => {
    setFound(null);
    if (!search) return;
    let isLatest = true;
    call(api.GET("/api/admin/members", { params: { query: { search, limit } } })).then(({ items }) => isLatest && setFound(items), report);
    return () => {
      isLatest = false;
    };
  }, [search, limit]);
  return found;
}
