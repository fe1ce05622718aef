// The dialog that waives a fee, in English.

const texts = {
  title: "Waive this fee?",
  text: (name: string, amount: string) => `${name} will no longer owe ${amount}.`,
  action: "Waive the fee",
  reason: "Reason",
  reasonHint: "For the security log. The member does not see it.",
  done: (name: string) => `The fee of ${name} is waived.`,
};

export type WaiveFeeTexts = typeof texts;
export default texts;
