// The best plain Cypher found for the lineage of a dose: what `lineage(view, [id])` answers on the bundle of rows.py.
// It knows what the store cannot take for granted: that no two ids are one thing, that containers nest two deep, that
// nothing is packed into one container twice, and that only the present is asked.
MATCH (root:Record {id: $id})
MATCH (root)<-[f:INPUT_TO|OUTPUT*0..]-(m) WHERE all(x IN f WHERE x.ends_up IS NULL)
WITH collect(DISTINCT m) AS made
// Containers, each with the span from the packing to the unpacking of what it held.
CALL (made) {
  UNWIND made AS m
  MATCH (m)-[:SUBJECT_OF {role: 'content'}]->(p)<-[:SUBJECT_OF {role: 'container'}]-(c)
  WITH c, min(p._first) AS since, max(p._last) AS until
  RETURN collect([c, since, until]) AS outer
}
CALL (outer) {
  UNWIND outer AS held
  WITH held[0] AS c, held[1] AS since, held[2] AS until
  MATCH (c)-[:SUBJECT_OF {role: 'content'}]->(p)<-[:SUBJECT_OF {role: 'container'}]-(d)
  WHERE p._first >= since AND p._last <= until
  WITH d, min(p._first) AS since, max(p._last) AS until
  RETURN collect([d, since, until]) AS outermost
}
// What acted on the objects whenever, and on the containers while they held them.
CALL (made) {
  UNWIND made AS m
  MATCH (m)-[r:SUBJECT_OF]->(e)
  RETURN collect([e, r, m.id]) AS own
}
CALL (outer, outermost) {
  UNWIND outer + outermost AS held
  WITH held[0] AS c, held[1] AS since, held[2] AS until
  MATCH (c)-[r:SUBJECT_OF]->(e) WHERE e._first >= since AND e._last <= until
  RETURN collect([e, r, c.id]) AS borne
}
CALL (made) {
  UNWIND made AS m
  MATCH (m)<-[r:INPUT_TO|OUTPUT]-(n) WHERE r.ends_up IS NULL
  RETURN collect([type(r), n.id, m.id, r.steward, r.quantity, r.unit]) AS making
}
WITH making, own + borne AS acts, made + [held IN outer + outermost | held[0]] AS objects
UNWIND [act IN acts | act[0]] + objects AS n
WITH making, acts, collect(DISTINCT n.id) AS ids
// What each steward says of each record: values, and where they disagree.
CALL (ids) {
  UNWIND ids AS id
  MATCH (s:_State {id: id}) WHERE s.until = $forever
  RETURN collect([s.id, s.steward, s.doc]) AS records
}
RETURN records, making + [a IN acts | ['SUBJECT_OF', a[2], a[0].id, a[1].steward, a[1].role]] AS relations
