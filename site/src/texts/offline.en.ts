// The page that is shown without a connection instead of one that was not kept, in English.

const texts = {
  title: "This page needs a connection",
  text: "It opens as soon as you are online again. These pages also open offline:",
  retry: "Try again",
};

export type OfflineTexts = typeof texts;
export default texts;
