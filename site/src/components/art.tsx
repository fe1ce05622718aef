// Drawings: the logo, and ribbons that turn like a skirt in a dance.

export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" width="32" height="32" aria-hidden="true">
      <circle cx="16" cy="16" r="16" fill="var(--accent-strong)" />
      <path d="M21 11c-1-3-9-4-10 0s10 5 10 10-9 5-11 1" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round" />
    </svg>
  );
}

/** One ribbon: a line that swings around a center, `turn` degrees further each time. */
function ribbon(turn: number, reach: number): string {
  const at = (angle: number, radius: number) => {
    const radians = ((angle + turn) * Math.PI) / 180;
    return `${(200 + radius * Math.cos(radians)).toFixed(1)} ${(200 + radius * Math.sin(radians)).toFixed(1)}`;
  };
  return `M ${at(0, 26)} C ${at(35, reach * 0.5)} ${at(20, reach * 0.85)} ${at(62, reach)} C ${at(84, reach * 0.9)} ${at(78, reach * 0.5)} ${at(118, 26)} Z`;
}

/** A swirl of ribbons. `seed` chooses how many there are and how far they reach. */
export function Swirl({ seed = 0, label }: { seed?: number; label?: string }) {
  const count = 9 + (seed % 4) * 2;
  const ribbons = Array.from({ length: count }, (_, index) => ({
    turn: (360 / count) * index + seed * 17,
    reach: 150 + ((index * 7 + seed * 13) % 5) * 11,
    shade: index % 3,
  }));
  return (
    <svg class="swirl" viewBox="0 0 400 400" role={label ? "img" : undefined} aria-label={label} aria-hidden={label ? undefined : "true"}>
      {ribbons.map(({ turn, reach, shade }, index) => (
        <path key={index} class={`ribbon-${shade}`} d={ribbon(turn, reach)} />
      ))}
    </svg>
  );
}
