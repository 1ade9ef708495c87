/** The environment of a child process: this process's, plus `variables`. */
export function childEnvironment(variables: Record<string, string>): NodeJS.ProcessEnv {
  return { ...process.env, ...variables };
}

/** For a library that reads its variables itself, and would miss those of `.env`. */
export function setVariables(variables: Record<string, string>): void {
  Object.assign(process.env, variables);
}

/** The npm script that started this process, such as `dev`; empty without npm. */
export function npmScript(): string {
  return process.env.npm_lifecycle_event ?? '';
}
