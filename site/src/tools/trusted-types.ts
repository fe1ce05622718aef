// Trusted types, which TypeScript does not know yet.

interface Rules {
  createScript?: (text: string) => string;
  createScriptURL?: (address: string) => string;
}

interface TrustedTypes {
  createPolicy: <Given extends Rules>(name: string, rules: Given) => Required<Given>;
}

/** Only browsers that require trusted types have this. */
export const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
