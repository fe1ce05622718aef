// Where the studio is. The space is kept until the address is there, so that nothing moves.

import { addressLines, mapAddress, studio, studioName } from "../tools/studio.ts";
import { useStore } from "../tools/store.ts";
import { useCommon } from "./mount.tsx";

/** The address in two lines, and a link to the map. */
export function StudioAddress({ withName = false }: { withName?: boolean }) {
  const t = useCommon();
  const address = useStore(studio)?.address;
  return (
    <address class="address">
      {withName && <strong>{studioName()}</strong>}
      {address && (
        <>
          {addressLines(address).map((line) => (
            <span key={line}>{line}</span>
          ))}
          <a href={mapAddress(address)} rel="noreferrer">
            {t.map}
          </a>
        </>
      )}
    </address>
  );
}

/** The address and the link to the map in one line. */
export function AddressLine() {
  const t = useCommon();
  const address = useStore(studio)?.address;
  if (!address) return null;
  return (
    <>
      <span>{addressLines(address).join(", ")}</span>
      <a href={mapAddress(address)} rel="noreferrer">
        {t.map}
      </a>
    </>
  );
}
