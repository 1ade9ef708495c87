const words = (text: string) => text.split(',').map((word) => word.trim());

/** Given and family names that go together, by language; the first languages are the more frequent ones. */
export const NAMES = [
  [
    words(`Emma, Olivia, James, Liam, Sophia, Noah, Amelia, Jack, Grace, Harry, Chloe, George, Ella, Thomas, Ruby, Oliver, Hannah,
      Samuel, Lucy, Daniel, Zoe, Benjamin, Alice, Henry, Megan, Ethan, Sarah, Ryan, Laura, Matthew`),
    words(`Smith, Johnson, Williams, Brown, Taylor, Davies, Wilson, Evans, Walker, Wright, Thompson, Robinson, Clark, Hughes, Lewis,
      Edwards, Green, Hall, Wood, Harris, Martin, Jackson, Clarke, Turner, Hill, Cooper, Ward, Morris, O'Connor, Murphy`),
  ],
  [
    words(`Camille, Léa, Hugo, Chloé, Louis, Manon, Gabriel, Inès, Jules, Zoé, Théo, Élise, Raphaël, Jeanne, Arthur, Margaux, Noé,
      Clémence, Maël, Juliette, Baptiste, Anaïs, Étienne, Océane, François, Marie-Claire, Jean-Baptiste, Agathe, Rémi, Solène`),
    words(`Martin, Bernard, Dubois, Thomas, Robert, Richard, Petit, Durand, Leroy, Moreau, Simon, Laurent, Lefèvre, Michel, Garcia,
      David, Bertrand, Roux, Vincent, Fournier, Morel, Girard, André, Mercier, Dupont, Lambert, Bonnet, François, Legrand, Rousseau`),
  ],
  [
    words(`Anna, Lukas, Lena, Felix, Mia, Jonas, Sophie, Maximilian, Johanna, Paul, Jürgen, Käthe, Björn, Clara, Moritz, Greta, Jörg,
      Frieda, Matthias, Ursula, Tobias, Antonia, Sebastian, Heike, Günther, Ida, Niklas, Franziska, Till, Wiebke`),
    words(`Müller, Schmidt, Schneider, Fischer, Weber, Meyer, Wagner, Becker, Schulz, Hoffmann, Schäfer, Koch, Bauer, Richter, Klein,
      Wolf, Schröder, Neumann, Schwarz, Zimmermann, Braun, Krüger, Hofmann, Groß, Lange, Werner, Krause, Lehmann, Köhler, Weiß`),
  ],
  [
    words(`Lucía, Mateo, Sofía, Hugo, María, Martín, Valentina, Pablo, Carmen, Álvaro, Inés, Diego, Elena, Javier, Núria, Andrés,
      Begoña, Iñaki, Ximena, Joaquín, Rocío, Santiago, Paula, Gonzalo, Marta`),
    words(`García, Rodríguez, González, Fernández, López, Martínez, Sánchez, Pérez, Gómez, Muñoz, Jiménez, Ruiz, Hernández, Díaz,
      Moreno, Álvarez, Romero, Alonso, Gutiérrez, Navarro, Torres, Ibáñez, Ortega, Núñez, Castro`),
  ],
  [
    words(`Giulia, Leonardo, Sofia, Francesco, Aurora, Alessandro, Ginevra, Lorenzo, Chiara, Matteo, Niccolò, Beatrice, Luca,
      Federica, Davide, Martina, Simone, Elisa, Giorgio, Ilaria`),
    words(`Rossi, Russo, Ferrari, Esposito, Bianchi, Romano, Colombo, Ricci, Marino, Greco, Bruno, Gallo, Conti, De Luca, Costa,
      Giordano, Mancini, Rizzo, Lombardi, D'Angelo`),
  ],
  [
    words(
      `João, Beatriz, Tiago, Mariana, Inês, Gonçalo, Ana, Rafael, Conceição, Luís, Helena, Vitória, Caio, Larissa, Antônio`,
    ),
    words(`Silva, Santos, Ferreira, Pereira, Oliveira, Costa, Rodrigues, Martins, Sousa, Gonçalves, Araújo, Magalhães, Simões,
      Carvalho, Conceição`),
  ],
  [
    words(
      `Zofia, Jakub, Zuzanna, Łukasz, Małgorzata, Wojciech, Agnieszka, Michał, Paweł, Żaneta, Jiří, Kateřina, Tomáš, Zdeněk`,
    ),
    words(`Nowak, Kowalski, Wiśniewska, Wójcik, Kowalczyk, Kamiński, Lewandowska, Zieliński, Dąbrowski, Šťastný, Novák, Dvořák,
      Procházka, Černý`),
  ],
  [
    words(`Ingrid, Lars, Søren, Åsa, Freja, Magnus, Sigrid, Mikkel, Aino, Øyvind, Daan, Sanne, Joris, Fleur, Pieter`),
    words(`Hansen, Johansson, Nielsen, Virtanen, Bergström, Ødegård, Sørensen, Lindqvist, Korhonen, de Vries, van den Berg,
      Jansen, de Jong, Bakker`),
  ],
  [
    words(`Ayşe, Mehmet, İbrahim, Zeynep, Emre, Fatima, Omar, Yasmine, Karim, Leïla, Priya, Arjun, Ananya, Rohan, Wei, Mei Ling,
      Haruto, Yuki, Linh, Minh`),
    words(
      `Yılmaz, Çelik, Öztürk, Benali, Haddad, El Amrani, Sharma, Patel, Iyer, Khan, Chen, Wang, Tanaka, Sato, Nguyễn, Trần, Kim`,
    ),
  ],
  [words('Дмитрий, Анастасия, Олена, Андрій, Ελένη, Γιώργος'), words('Иванов, Шевченко, Бондаренко, Παπαδόπουλος')],
  [words('陽菜, 蓮, 美咲, 大翔'), words('佐藤, 鈴木, 高橋, 田中')],
] as const;

export const INDUSTRIES =
  words(`Technology, Finance, Healthcare, Education, Consulting, Retail, Marketing, Manufacturing, Energy,
  Real Estate, Media, Telecommunications, Transport, Hospitality, Legal, Insurance, Biotechnology, Construction, Agriculture,
  Aerospace, Automotive, Public Sector, Non-profit, Fashion, Gaming`);

const RANKS = words('Senior, Junior, Lead, Principal, Head of, Associate, Chief');
const ROLES =
  words(`Software Engineer, Product Manager, Data Scientist, Marketing Manager, Sales Executive, UX Designer, Accountant,
  Project Manager, Business Analyst, HR Specialist, Nurse, Teacher, Architect, Civil Engineer, Financial Analyst, Lawyer, Pharmacist,
  Operations Manager, Content Strategist, DevOps Engineer, Recruiter, Research Scientist, Account Manager, Mechanical Engineer,
  Customer Success Manager, Security Engineer, Journalist, Procurement Officer, Chef, Event Planner`);
export const JOB_TITLES = ROLES.flatMap((role) => [role, ...RANKS.map((rank) => `${rank} ${role}`)]);

const STEMS =
  words(`Northwind, Helios, Aurora, Blue River, Vertex, Lumière, Alpenglow, Brightside, Cobalt, Delta Nine, Everest, Fjord,
  Granite, Horizon, Indigo, Juniper, Keystone, Lakeview, Meridian, Nordlicht, Oakwood, Pinnacle, Quantum, Redwood, Silverline, Terranova,
  Umbra, Vanguard, Westbrook, Xenon, Yellow Door, Zephyr, Atlas, Boréal, Cascade, Dynamo, Élan, Falcon, Grünwald, Hexagon`);
const FORMS =
  words(`Labs, Group, Systems, Partners, Consulting, GmbH, SARL, Ltd, Inc., Solutions, Bank, Health, Media, Robotics, Energy,
  Logistics, Studio, Capital, Foods, & Sons, Software, Networks, Insurance, Clinic, Ventures`);
export const COMPANIES = FORMS.flatMap((form) => STEMS.map((stem) => `${stem} ${form}`));

export const LOCATIONS =
  `London, United Kingdom;Paris, France;Berlin, Germany;Madrid, Spain;Milan, Italy;Zürich, Switzerland;Geneva, Switzerland;
Amsterdam, Netherlands;Lisbon, Portugal;New York, NY;San Francisco, CA;Toronto, Canada;Brussels, Belgium;Vienna, Austria;Lausanne, Switzerland;
Lyon, France;Munich, Germany;Hamburg, Germany;Barcelona, Spain;Rome, Italy;Warsaw, Poland;Prague, Czechia;Copenhagen, Denmark;Stockholm, Sweden;
Oslo, Norway;Helsinki, Finland;Dublin, Ireland;Manchester, United Kingdom;Edinburgh, United Kingdom;Bordeaux, France;Nantes, France;Toulouse, France;
Marseille, France;Lille, France;Köln, Germany;Frankfurt, Germany;Stuttgart, Germany;Porto, Portugal;Valencia, Spain;Sevilla, Spain;Turin, Italy;
Montréal, Canada;Boston, MA;Austin, TX;Chicago, IL;Seattle, WA;São Paulo, Brazil;México, Mexico;Casablanca, Morocco;Tunis, Tunisia;İstanbul, Türkiye;
Dubai, United Arab Emirates;Singapore;Tokyo, Japan;Bengaluru, India;Sydney, Australia`
    .split(';')
    .map((place) => place.trim());

export const INTERESTS =
  words(`AI, Blockchain, Startups, Investing, Design, Open Source, Climate, Photography, Running, Cycling, Travel,
  Cooking, Music, Chess, Yoga, Hiking, Sailing, Theatre, Volunteering, Languages, Robotics, Writing, Public Speaking, Mentoring, Board Games`);

export const JOB_LEVELS = words('intern, junior, mid, senior, lead, director, executive');

export const GENDERS = words('female, male, non-binary, undisclosed');

export const USER_AGENTS = [
  ['ios', 'iPhone', 'Meetinity/3.2.1 (iPhone; iOS 19.1)'],
  ['android', 'Pixel 9', 'Meetinity/3.2.0 (Android 16; Pixel 9)'],
  ['android', 'Galaxy S25', 'Meetinity/3.1.4 (Android 15; SM-S931B)'],
  [
    'web',
    'Chrome',
    'Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  ],
  ['web', 'Firefox', 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0'],
  [
    'web',
    'Safari',
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/19.0 Safari/605.1.15',
  ],
] as const;
