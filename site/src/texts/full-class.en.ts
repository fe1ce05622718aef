// The dialog that adds a member to a full class, in English.

const texts = {
  title: (name: string) => `Add ${name} to the full class?`,
  text: (places: number) => (places === 1 ? "The only spot is taken." : `All ${places} spots are taken.`),
  othersWait: (count: number) => (count === 1 ? "1 member is on the waitlist." : `${count} members are on the waitlist.`),
  alsoWait: (count: number) => (count === 1 ? "1 other member is on the waitlist." : `${count} other members are on the waitlist.`),
  toWaitlist: "Add to the waitlist",
  action: "Add although full",
  reason: "Reason",
  reasonHint: "For the security log. The member does not see it.",
};

export type FullClassTexts = typeof texts;
export default texts;
