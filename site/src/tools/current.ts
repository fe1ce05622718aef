// Which of several elements is being read.

import { useEffect, useState } from "preact/hooks";

/** Returns the id of the element that crosses a line near the top of the window. */
export function useCurrent(ids: readonly string[]): string | null {
  const [current, setCurrent] = useState(ids[0] ?? null);
  const key = ids.join(" ");
  useEffect(() => {
    const observer = new IntersectionObserver(
      (entries) => {
        const entered = entries.find(({ isIntersecting }) => isIntersecting);
        if (entered) setCurrent(entered.target.id);
      },
      { rootMargin: "-20% 0px -79% 0px" },
    );
    for (const id of key.split(" ")) {
      const element = document.getElementById(id);
      if (element) observer.observe(element);
    }
    return () => observer.disconnect();
  }, [key]);
  return current;
}
