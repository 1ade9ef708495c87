// Compares the audit of a database with signed checkpoints and, where there are any, with the tiles beside them. It shares no
// code with the service: notes and Merkle tree are those of golang.org/x/mod.
package main

import (
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	_ "github.com/lib/pq"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const nobody = "00000000-0000-0000-0000-000000000000"

type entry struct {
	id                                                int64
	at                                                time.Time
	actor, target, ip, request, reason, before, after sql.NullString
	action                                            string
}

type leaf struct {
	index, entry  int64
	actor, target []byte
}

type places []string

func (p *places) String() string     { return strings.Join(*p, ",") }
func (p *places) Set(v string) error { *p = append(*p, v); return nil }

var findings []string

func find(format string, args ...any) { findings = append(findings, fmt.Sprintf(format, args...)) }

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "audit-verifier:", err)
		os.Exit(2)
	}
}

func field(s sql.NullString) string {
	if !s.Valid {
		return "-"
	}
	return strconv.Itoa(len(s.String)) + ":" + s.String
}

func commitment(salt []byte, kind string, id int64, fields ...sql.NullString) []byte {
	text := kind + " " + strconv.FormatInt(id, 10) + " "
	for _, f := range fields {
		text += field(f)
	}
	sum := sha256.Sum256(append(append([]byte{}, salt...), text...))
	return sum[:]
}

func or(s sql.NullString, other string) string {
	if s.Valid {
		return s.String
	}
	return other
}

func blank(fields ...sql.NullString) bool {
	for _, f := range fields {
		if f.Valid {
			return false
		}
	}
	return true
}

var signedNote = regexp.MustCompile(`(?m)(?:^[^\n—][^\n]*\n)+\n(?:^— [^\n]+\n)+`)

// readTrees opens every signed note of a file.
func readTrees(file string, verifier note.Verifier) []tlog.Tree {
	text, err := os.ReadFile(file)
	check(err)
	var trees []tlog.Tree
	for _, signed := range signedNote.FindAllString(string(text), -1) {
		opened, err := note.Open([]byte(signed), note.VerifierList(verifier))
		if err != nil {
			find("%s: %v", file, err)
			continue
		}
		lines := strings.Split(opened.Text, "\n")
		size, err := strconv.ParseInt(lines[1], 10, 64)
		check(err)
		root, err := base64.StdEncoding.DecodeString(lines[2])
		if err != nil || len(root) != tlog.HashSize || lines[0] != verifier.Name() {
			find("%s: not a checkpoint of %s", file, verifier.Name())
			continue
		}
		trees = append(trees, tlog.Tree{N: size, Hash: tlog.Hash(root)})
	}
	if len(trees) == 0 {
		find("%s: no checkpoint", file)
	}
	return trees
}

// folder reads tiles as C2SP tlog-tiles names them.
type folder string

func (f folder) Height() int                         { return 8 }
func (f folder) SaveTiles(_ []tlog.Tile, _ [][]byte) {}
func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, tile := range tiles {
		name := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		bytes, err := os.ReadFile(filepath.Join(string(f), name))
		if err != nil {
			return nil, err
		}
		data = append(data, bytes)
	}
	return data, nil
}

func main() {
	database := flag.String("database", "", "URL of the database")
	key := flag.String("key", "", "verifier key")
	asOf := flag.String("as-of", "", "when the database was dumped, RFC 3339")
	var where places
	flag.Var(&where, "checkpoints", "folder of the witness, or file of signed notes")
	flag.Parse()
	verifier, err := note.NewVerifier(*key)
	check(err)
	now := time.Now()
	if *asOf != "" {
		now, err = time.Parse(time.RFC3339, *asOf)
		check(err)
	}
	db, err := sql.Open("postgres", *database)
	check(err)
	tx, err := db.Begin()
	check(err)
	_, err = tx.Exec("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
	check(err)

	entries := map[int64]entry{}
	rows, err := tx.Query(`SELECT id, at, actor_id, target_id, action, reason, abbrev(ip_address), request_id, before::text, after::text FROM audit_logs`)
	check(err)
	for rows.Next() {
		var e entry
		check(rows.Scan(&e.id, &e.at, &e.actor, &e.target, &e.action, &e.reason, &e.ip, &e.request, &e.before, &e.after))
		if _, twice := entries[e.id]; twice {
			find("entry %d is there twice", e.id)
		}
		entries[e.id] = e
	}
	check(rows.Err())
	salts := map[string][]byte{}
	rows, err = tx.Query(`SELECT person_id, salt FROM audit_salts`)
	check(err)
	for rows.Next() {
		var person string
		var salt []byte
		check(rows.Scan(&person, &salt))
		salts[person] = salt
	}
	check(rows.Err())
	var leaves []leaf
	rows, err = tx.Query(`SELECT leaf_index, entry_id, actor, target FROM audit_leaves ORDER BY leaf_index`)
	check(err)
	for rows.Next() {
		var l leaf
		check(rows.Scan(&l.index, &l.entry, &l.actor, &l.target))
		leaves = append(leaves, l)
	}
	check(rows.Err())

	var trees []tlog.Tree
	var signed int64
	for _, place := range where {
		file := place
		if info, err := os.Stat(place); err == nil && info.IsDir() {
			file = filepath.Join(place, "checkpoint")
		}
		trees = append(trees, readTrees(file, verifier)...)
	}
	for _, tree := range trees {
		signed = max(signed, tree.N)
	}
	if int64(len(leaves)) < signed {
		find("a checkpoint has %d leaves, the database %d", signed, len(leaves))
		signed = int64(len(leaves))
	}

	erased := map[string]bool{}
	for _, l := range leaves[:signed] {
		if e := entries[l.entry]; e.action == "user.deleted" && e.target.Valid {
			erased[e.target.String] = true
		}
	}
	var hashes []tlog.Hash
	stored := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var found []tlog.Hash
		for _, index := range indexes {
			found = append(found, hashes[index])
		}
		return found, nil
	})
	covered := map[int64]bool{}
	for n, l := range leaves[:signed] {
		e, there := entries[l.entry]
		if l.index != int64(n) || !there || covered[l.entry] {
			find("leaf %d: its place or its entry is wrong", n)
		}
		covered[l.entry] = true
		target := or(e.target, nobody)
		actor := or(e.actor, target)
		opens := func(person string, wanted []byte, kind string, fields ...sql.NullString) bool {
			salt := salts[person]
			return len(salt) == 32 && string(commitment(salt, kind, e.id, fields...)) == string(wanted)
		}
		if !opens(actor, l.actor, "actor", e.ip, e.request) && !(blank(e.ip, e.request) && (erased[actor] || erased[target])) {
			find("entry %d: address or request id", e.id)
		}
		if !opens(target, l.target, "target", e.reason, e.before, e.after) && !(blank(e.reason, e.before, e.after) && erased[target]) {
			find("entry %d: reason or values", e.id)
		}
		text := fmt.Sprintf("%d %s %s %s %s %s %s", e.id, e.at.UTC().Format("2006-01-02T15:04:05.000000Z"),
			or(e.actor, "-"), or(e.target, "-"), hex.EncodeToString(l.actor), hex.EncodeToString(l.target), e.action)
		added, err := tlog.StoredHashes(int64(n), []byte(text), stored)
		check(err)
		hashes = append(hashes, added...)
	}
	for _, tree := range trees {
		if tree.N > signed {
			continue
		}
		if root, err := tlog.TreeHash(tree.N, stored); err != nil || root != tree.Hash {
			find("the first %d leaves are not those of the checkpoint", tree.N)
		}
	}
	for id, e := range entries {
		if !covered[id] && e.at.Before(now.Add(-time.Minute)) {
			find("entry %d is under no checkpoint", id)
		}
	}
	// Tiles have to agree with the checkpoint beside them, and that one with every smaller one.
	for _, place := range where {
		if _, err := os.Stat(filepath.Join(place, "tile")); err != nil {
			continue
		}
		for _, tree := range readTrees(filepath.Join(place, "checkpoint"), verifier) {
			reader := tlog.TileHashReader(tree, folder(place))
			for n := int64(0); n < tree.N; n++ {
				found, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, n)})
				if err != nil || n < signed && found[0] != hashes[tlog.StoredHashIndex(0, n)] {
					find("tiles: leaf %d: %v", n, err)
					break
				}
			}
			for _, older := range trees {
				if older.N < 1 || older.N > tree.N {
					continue
				}
				proof, err := tlog.ProveTree(tree.N, older.N, reader)
				if err == nil {
					err = tlog.CheckTree(proof, tree.N, tree.Hash, older.N, older.Hash)
				}
				if err != nil {
					find("the checkpoint of %d leaves does not lead to that of %d: %v", older.N, tree.N, err)
				}
			}
		}
	}
	for n, finding := range findings {
		if n < 50 {
			fmt.Println(finding)
		}
	}
	fmt.Printf("%d findings, %d entries, %d checkpoints\n", len(findings), len(entries), len(trees))
	if len(findings) > 0 {
		os.Exit(1)
	}
}
