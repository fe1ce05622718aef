// A search for a member, and the member who is chosen.

import { useEffect, useState } from "preact/hooks";
import { X } from "lucide";
import { api, call, type Schema } from "../api/client.ts";
import { report } from "../tools/action.ts";
import { useStaffTexts } from "./context.ts";
import { Icon } from "./icon.tsx";
import { useMemberSearch } from "./member-search.ts";
import { SearchField } from "./search.tsx";
import "./member-picker.css";

type Member = Schema<"Member">;

/** How many members a search shows. */
const FOUND = 5;

interface Props {
  label: string;
  /** The id of the member who is chosen. */
  value: string | null;
  onChange: (id: string | null) => void;
}

export function MemberPicker({ label, value, onChange }: Props) {
  const t = useStaffTexts();
  const [chosen, setChosen] = useState<Member | null>(null);
  const [search, setSearch] = useState("");
  const found = useMemberSearch(search, FOUND);

  useEffect(() => {
    if (!value || chosen?.id === value) return;
    call(api.GET("/api/admin/members", { params: { query: { id: value } } })).then(({ items }) => setChosen(items[0] ?? null), report);
  }, [value]);

  const choose = (member: Member | null) => {
    setChosen(member);
    setSearch("");
    onChange(member?.id ?? null);
  };

  return (
    <div class="field member-picker" role="group" aria-label={label}>
      <span class="label">{label}</span>
      {value ? (
        <p class="chosen">
          <span>{chosen ? `${chosen.name} · ${chosen.email}` : "…"}</span>
          <button type="button" class="icon-button" aria-label={t.removeMember(chosen?.name ?? "")} onClick={() => choose(null)}>
            <Icon of={X} />
          </button>
        </p>
      ) : (
        <>
          {/* Nested forms are not allowed, so the field searches without one. */}
          <SearchField label={t.findMember} value={search} onSearch={setSearch} isNested />
          <ul class="plain-list" aria-live="polite">
            {found?.length === 0 && <li class="hint">{t.nothingFound(search)}</li>}
            {found?.map((member) => (
              <li key={member.id}>
                <button type="button" class="button quiet small" onClick={() => choose(member)}>
                  {member.name} <small class="hint">{member.email}</small>
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}
