import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How an address of ours ends, under any `PUBLIC_BASE_URL`. */
const OWN_ADDRESS = `'^(https?://[^/?#]+[^?#]*)?/uploads/[0-9a-f]{32}\\.webp$'`;

/**
 * Changed against the specification: of a picture of our own `users.profile_picture_url` holds the name, from which each answer
 * makes the address; so a change of `PUBLIC_BASE_URL` counts for all of them. A provider's picture stays an address.
 */
export class AvatarNames1795640000000 implements MigrationInterface {
  name = 'AvatarNames1795640000000';

  async up(runner: QueryRunner): Promise<void> {
    // The address of who came through a provider and has uploaded nothing is the provider's, though it may look like one of
    // ours: taken for a name, it would let that person remove another member's file.
    await runner.query(`
      UPDATE users AS u SET profile_picture_url = right(u.profile_picture_url, 37)
       WHERE u.profile_picture_url ~ ${OWN_ADDRESS}
         AND (EXISTS (SELECT FROM audit_logs a WHERE a.target_id = u.id AND a.action = 'avatar.replaced')
              OR NOT EXISTS (SELECT FROM audit_logs a
                              WHERE a.target_id = u.id AND a.action = 'user.registered' AND a.after ? 'provider'))`);
  }

  async down(runner: QueryRunner): Promise<void> {
    // The base of the address is not known here; a relative one leads to the host that answers.
    await runner.query(`
      UPDATE users SET profile_picture_url = '/uploads/' || profile_picture_url
       WHERE profile_picture_url ~ '^[0-9a-f]{32}\\.webp$'`);
  }
}
