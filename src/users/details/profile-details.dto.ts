import { ApiProperty } from '@nestjs/swagger';
import type { DetailEntry, ProfileDetails } from './profile-details.entity.js';

const text = { type: String, nullable: true } as const;

/** Of a list whose entries are texts, or objects of texts, numbers and flags. */
export const ENTRIES_SCHEMA = {
  type: 'array' as const,
  maxItems: 50,
  // Without a type: generators make broken classes of a choice between a text and an object.
  items: {},
};

/** What the mobile app shows of a user beside the profile. */
export class ProfileDetailsBody {
  @ApiProperty({ ...text, example: 'Builds bridges between product and code' }) headline: string | null;
  @ApiProperty({ ...text, example: 'Evenings' }) availability: string | null;
  @ApiProperty({ type: [String], example: ['TypeScript'] }) skills: string[];
  @ApiProperty({ type: [String], example: ['Meetup'] }) event_types: string[];
  @ApiProperty(ENTRIES_SCHEMA) experiences: DetailEntry[];
  @ApiProperty(ENTRIES_SCHEMA) links: DetailEntry[];
}

export function toProfileDetails(row: ProfileDetails): ProfileDetailsBody {
  const { headline, availability, skills, eventTypes, experiences, links } = row;
  return { headline, availability, skills, event_types: eventTypes, experiences, links };
}
