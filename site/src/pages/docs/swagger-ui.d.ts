// What the reference uses of Swagger UI, which has no types of its own.

declare module "swagger-ui-dist/swagger-ui-es-bundle.js" {
  interface React {
    createElement(type: unknown, props: object | null, ...children: unknown[]): unknown;
    cloneElement(element: unknown, props: object, ...children: unknown[]): unknown;
    useEffect(work: () => void | (() => void), inputs?: unknown[]): void;
    useRef<T>(initial: T): { current: T };
  }

  export interface System {
    React: React;
    fn: { requestSnippetGenerator_curl_bash(request: unknown): string };
    getComponent(name: string, isContainer?: boolean): unknown;
    specActions: {
      updateJsonSpec(description: object): void;
      updateLoadingStatus(status: "success"): void;
    };
    layoutActions: {
      parseDeepLinkHash(hash: string): void;
      updateFilter(text: string | false): void;
    };
  }

  /** Adds parts to the viewer, and replaces its own. */
  export type Plugin = (system: System) => {
    components: Record<string, unknown>;
    wrapComponents: Record<string, (original: unknown) => unknown>;
    fn: Record<string, unknown>;
  };

  interface Options {
    domNode: HTMLElement;
    plugins: Plugin[];
    layout: string;
    deepLinking: boolean;
    displayRequestDuration: boolean;
    docExpansion: "list" | "full" | "none";
    syntaxHighlight: false;
    tryItOutEnabled: boolean;
    validatorUrl: null;
  }

  export default function SwaggerUI(options: Options): System;
}
