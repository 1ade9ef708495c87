import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Semaphore } from '../common/concurrency/semaphore.js';
import { AppError } from '../common/errors.js';
import { requireScope, type ServicePrincipal } from '../common/http/service-scope.js';
import { Settings } from '../config/settings.js';
import { runReadOnly } from '../database/read-only.js';
import { MemberCardService } from '../preferences/member-card.service.js';
import type { ServiceCardBody } from '../preferences/member-card.dto.js';
import { PreferencesService } from '../preferences/preferences.service.js';
import { findUserPage } from '../users/list/user-pages.js';
import type { BatchAnswer, ServiceProfileBody, ServiceSearchBody, ValidateBody } from './services.dto.js';

/** As for the administrators' lists: the gateway gives up after ten seconds. */
const MAX_WAIT_MS = 1500;

/** What other services read of members: never phone, birth date, e-mail or a hidden location. */
@Injectable()
export class ServiceReadsService {
  private readonly searches: Semaphore;

  constructor(
    private readonly database: DataSource,
    private readonly cards: MemberCardService,
    private readonly preferences: PreferencesService,
    settings: Settings,
  ) {
    this.searches = new Semaphore(Math.max(1, Math.floor(settings.database.poolSize / 5)), MAX_WAIT_MS);
  }

  async validate(id: string): Promise<ValidateBody> {
    const [card] = await this.cards.listForServices([id]);
    return { exists: card !== undefined, is_active: card?.is_active ?? false, name: card?.name ?? null };
  }

  /** @throws AppError `not_found`, `forbidden` as `batch` does */
  async profile(service: ServicePrincipal, id: string, include?: string[]): Promise<ServiceProfileBody> {
    const { users } = await this.batch(service, [id], include);
    if (!users[0]) throw new AppError('not_found');
    return users[0];
  }

  /** @throws AppError `forbidden` if the service may not read the preferences that it asks for */
  async batch(service: ServicePrincipal, given: string[], include: string[] = []): Promise<BatchAnswer> {
    const withPreferences = include.includes('preferences');
    if (withPreferences) requireScope(service, 'preferences:read');
    const ids = [...new Set(given)];
    const cards = await this.inOrder(ids);
    const preferences = withPreferences ? await this.preferences.listOf(cards.map(({ id }) => id)) : null;
    const users = preferences
      ? cards.flatMap((card) => (preferences.has(card.id) ? { ...card, preferences: preferences.get(card.id) } : []))
      : cards;
    const found = new Set(users.map(({ id }) => id));
    return { users, missing: ids.filter((id) => !found.has(id)) };
  }

  /** @throws AppError `validation_failed` for a text that takes too long to look for, `busy` */
  async search(q: string, limit: number): Promise<ServiceSearchBody> {
    const sort = { field: 'created_at' as const, descending: true };
    const request = { filter: { search: q, isActive: true }, sort, after: null, offset: 0, limit };
    const find = () => runReadOnly(this.database, (tx) => findUserPage(tx, request, 'q'));
    const { users } = await this.searches.runExclusive(find);
    return { users: await this.inOrder(users.map(({ id }) => id)) };
  }

  private async inOrder(ids: string[]): Promise<ServiceCardBody[]> {
    const cards = new Map((await this.cards.listForServices(ids)).map((card) => [card.id, card]));
    return ids.flatMap((id) => cards.get(id) ?? []);
  }
}
