// What sw.config.ts knows about the built site.

declare module "virtual:site-files" {
  const files: import("../../sw.config.ts").SiteFiles;
  export default files;
}
