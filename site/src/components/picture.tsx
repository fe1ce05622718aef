// Pictures of classes and instructors. Where one is missing or does not load, a drawing
// takes its place in the same frame, so that nothing moves.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Swirl } from "./art.tsx";
import "./picture.css";

interface ImageProps {
  url: string | null | undefined;
  /** Whether the picture may be needed only after scrolling. */
  isLazy: boolean;
  width: number;
  height: number;
  children: ComponentChildren;
}

/** A picture that adds nothing to the text beside it. `children` stands in for it. */
function Image({ url, isLazy, width, height, children }: ImageProps) {
  const [brokenUrl, setBrokenUrl] = useState<string | null>(null);
  if (!url || url === brokenUrl) return <>{children}</>;
  const loading = isLazy ? "lazy" : "eager";
  return <img src={url} alt="" width={width} height={height} loading={loading} decoding="async" onError={() => setBrokenUrl(url)} />;
}

/** A number that is always the same for an id, to choose its drawing. */
function seedOf(id: string): number {
  return [...id].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 24;
}

interface ClassPictureProps {
  id: string;
  url: string | null | undefined;
  isLazy?: boolean;
}

/** The picture of a class type. */
export function ClassPicture({ id, url, isLazy = true }: ClassPictureProps) {
  const seed = seedOf(id);
  return (
    <div class={`class-picture art-${seed % 3}`}>
      <Image url={url} isLazy={isLazy} width={800} height={600}>
        <Swirl seed={seed} />
      </Image>
    </div>
  );
}

interface PortraitProps {
  id: string;
  url: string | null | undefined;
  isLazy?: boolean;
}

/** The portrait of an instructor, as wide as the element around it. */
export function Portrait({ id, url, isLazy = true }: PortraitProps) {
  return (
    <div class={`portrait art-${seedOf(id) % 3}`}>
      <Image url={url} isLazy={isLazy} width={480} height={480}>
        <svg viewBox="0 0 48 48" aria-hidden="true">
          <circle class="ribbon-2" cx="24" cy="21" r="17" />
          <path class="ribbon-0" d="M5 48c0-11 8-15 19-15s19 4 19 15z" />
          <circle class="ribbon-1" cx="24" cy="20" r="9.5" />
        </svg>
      </Image>
    </div>
  );
}
