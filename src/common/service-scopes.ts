/** What a credential of another service may allow. */
export const SERVICE_SCOPES = ['users:read', 'preferences:read', 'preferences:write'] as const;
export type ServiceScope = (typeof SERVICE_SCOPES)[number];
