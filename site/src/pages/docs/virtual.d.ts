// What vite.config.ts derives from the API's description.

declare module "virtual:error-codes" {
  interface Found {
    code: import("./errors.ts").ErrorCode;
    statuses: number[];
    /** The ids of the operations that return the code. Empty if there are many. */
    operations: string[];
  }

  const found: Found[];
  export default found;
}
