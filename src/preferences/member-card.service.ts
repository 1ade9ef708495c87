import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AppError } from '../common/errors.js';
import { Settings } from '../config/settings.js';
import { pictureUrl } from '../users/avatars/avatar-storage.js';
import type { MemberCardBody, ServiceCardBody } from './member-card.dto.js';

/** Columns of a card, of users `u` and their preferences `p`. */
const CARD = `u.id, u.name, u.profile_picture_url, u.bio,
  CASE WHEN coalesce(p.privacy_location, true) THEN u.location END AS location,
  u.industry, u.job_title, u.company, u.linkedin_url`;

@Injectable()
export class MemberCardService {
  constructor(
    private readonly database: DataSource,
    private readonly settings: Settings,
  ) {}

  /**
   * The card of a member as others see it; the own card is always found.
   * @throws AppError `not_found` for an unknown, an inactive and a private member alike
   */
  async get(id: string, readerId: string): Promise<MemberCardBody> {
    // One statement and no cache, so that a change of visibility takes effect at once.
    // `connections` hides like `private` until the platform knows connections.
    const [card] = await this.database.query<MemberCardBody[]>(
      `SELECT ${CARD}
         FROM users u LEFT JOIN user_preferences p ON p.user_id = u.id
        WHERE u.id = $1 AND u.is_active AND (u.id = $2 OR coalesce(p.privacy_profile, 'public') = 'public')`,
      [id, readerId],
    );
    if (!card) throw new AppError('not_found');
    return this.withPicture(card);
  }

  /** @throws AppError `not_found` */
  async getForService(id: string): Promise<ServiceCardBody> {
    const [card] = await this.listForServices([id]);
    if (!card) throw new AppError('not_found');
    return card;
  }

  /** Private and inactive members too, in no order. */
  async listForServices(ids: string[]): Promise<ServiceCardBody[]> {
    const cards = await this.database.query<ServiceCardBody[]>(
      `SELECT ${CARD}, u.is_active FROM users u LEFT JOIN user_preferences p ON p.user_id = u.id WHERE u.id = ANY ($1)`,
      [ids],
    );
    return cards.map((card) => this.withPicture(card));
  }

  private withPicture<T extends MemberCardBody>(card: T): T {
    return { ...card, profile_picture_url: pictureUrl(this.settings.publicBaseUrl, card.profile_picture_url) };
  }
}
