export const EVENT_TYPES = ['user.created', 'user.updated', 'user.deleted'] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** Events carry the names of changed fields, never their values. */
export type UserEvent =
  | { type: 'user.created'; userId: string; email: string; name: string }
  | { type: 'user.updated'; userId: string; updatedFields: string[] }
  | { type: 'user.deleted'; userId: string };

export function userCreated(user: { id: string; email: string; name: string }): UserEvent {
  return { type: 'user.created', userId: user.id, email: user.email, name: user.name };
}

/** @param fields API names of the fields whose stored value changed, such as `job_title` or `preferences.age_min` */
export function userUpdated(userId: string, fields: string[]): UserEvent {
  return { type: 'user.updated', userId, updatedFields: [...fields].sort() };
}

export function userDeleted(userId: string): UserEvent {
  return { type: 'user.deleted', userId };
}
